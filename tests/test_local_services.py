"""Services of this host itself: the real kernel is asked whether something listens there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from lvsdr.kernel.views.local_services import LocalChecker
from lvsdr.model.ipvs import Service
from lvsdr.model.path import Path

FOUR, SIX = "127.0.0.1", "::1"
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


@contextmanager
def opened_port(protocol: str, address: str, alone: bool) -> Iterator[int]:
    """Give the port of a socket that listens; `alone` to listen over IPv6 alone."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, KINDS[protocol]) as made:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, alone)
        made.bind((address, 0))
        if protocol == "tcp":
            made.listen()
        yield made.getsockname()[1]


def check(protocol: str, vip: str, port: int) -> tuple[bool, str]:
    address = ip_address(vip)
    family = "inet6" if ":" in vip else "inet"
    path = Path(Service(protocol, address, port, 0, family), address, address, port, "local")
    with LocalChecker([(7, path)]) as checker:
        checker.begin([7], 1.0)
        assert checker.due() == 1.0
        (found,) = checker.results(1.0)
        assert checker.results(1.0) == []
    assert (found.number, found.at, found.silent) == (7, 1.0, False)
    return found.ok, found.why


@pytest.mark.parametrize("protocol", KINDS)
@pytest.mark.parametrize(
    ("address", "alone", "serves"),
    [
        pytest.param(FOUR, False, {FOUR}, id="the VIP"),
        pytest.param("0.0.0.0", False, {FOUR}, id="all of IPv4"),
        pytest.param("::", False, {FOUR, SIX}, id="all of both"),
        pytest.param("::", True, {SIX}, id="all of IPv6 alone"),
        pytest.param(SIX, False, {SIX}, id="a VIP of IPv6"),
        pytest.param("127.0.0.2", False, set(), id="another address"),
    ],
)
def test_what_listens_serves(protocol: str, address: str, alone: bool, serves: set[str]) -> None:
    with opened_port(protocol, address, alone) as port:
        found = {vip for vip in (FOUR, SIX) if check(protocol, vip, port)[0]}

    assert found == serves


@pytest.mark.parametrize("protocol", KINDS)
def test_what_does_not_listen_any_more_is_told(protocol: str) -> None:
    with opened_port(protocol, FOUR, False) as port:
        pass

    assert check(protocol, FOUR, port) == (False, f"nothing listens on {FOUR}, port {port}")


def test_a_connection_is_no_listener() -> None:
    with (
        socket.create_server((FOUR, 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert check("tcp", FOUR, client.getsockname()[1])[0] is False


def test_what_cannot_be_asked_serves() -> None:
    assert check("sctp", FOUR, 9)[0]
    assert check("tcp", FOUR, 0)[0]
