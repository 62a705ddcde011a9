"""Checks of unusual paths: other tunnels, SCTP, datagrams, echoes, containers behind a proxy."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import Any

import pytest
from checking import Seen, checked, checking, next_of, path_to
from containers import VIP
from rig import RIPS, Rig, director, realserver, rig, settled, virtual_server

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving
from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import UdpCheck
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.path import Path
from lvsdr.wire.checks.path_checker import PathChecker

IPIP, GUE, GRE = (0, 0, 0), (1, 5555, 0), (2, 0, 0)
# GRE and GUE need no service of their own: their links take what comes in them.
ENDS = {
    GRE: "ip link add gre9 type gre local {rip}; ip link set gre9 up",
    GUE: "ip fou add port 5555 gue; ip link set tunl0 up",
    IPIP: "ip link set tunl0 up",
}
FILTERS = "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    wanted = director(virtual_server(), virtual_server(protocol="udp", port=53))
    folder = tmp_path_factory.mktemp("unusual")
    with (
        rig(folder, wanted, realserver()) as made,
        ExitStack() as stack,
    ):
        made.lab.director.run("modprobe", "-a", "ip_gre", "fou", "sctp")
        made.apply()
        for host in made.lab.realservers:
            stack.enter_context(serving(host, made.services))
        yield made


@contextmanager
def one(there: Host, item: CheckedPath) -> Iterator[Seen]:
    with checking(there, lambda: PathChecker("eth0", [item]), [item.number]) as seen:
        yield seen


def said(made: Rig, path: Path, times: int = 1, **fields: Any) -> set[str]:
    """Return what is said of the real server of a path."""
    with one(made.lab.director, checked(0, path, own4(made), **fields)) as seen:
        next_of(seen, 0)
        before = len(seen.results)
        for _ in range(times):
            next_of(seen, 0)
    return {each.why for each in seen.of(0, before)}


@pytest.mark.parametrize("tunnel", [IPIP, GUE, GRE], ids=["ipip", "gue", "gre"])
def test_a_tunnel_is_asked_through_and_missed(made: Rig, tunnel: tuple[int, int, int]) -> None:
    host, path = made.lab.realservers[0], path_to(RIPS[0], method="tunnel")
    path = replace(path, tunnel=tunnel)

    without = said(made, path)
    host.run("sh", text=f"{ENDS[tunnel].format(rip=RIPS[0])}\n{FILTERS}\n")
    through = said(made, path)

    assert without == {"has no tunnel"}
    assert through == {""}


def test_a_masquerade_is_asked_at_its_rip(made: Rig) -> None:
    path = path_to(RIPS[0], method="masquerade", port=8080)
    service = replace(made.services[0], vip=ip_address(RIPS[0]), port=8080)

    with serving(made.lab.realservers[0], [service]):
        served = said(made, path)
    refused = said(made, path)

    assert (served, refused) == ({""}, {"refuses the connection"})


def test_sctp_is_asked_by_an_association(made: Rig) -> None:
    host, path = made.lab.realservers[0], path_to(RIPS[0], protocol="sctp", port=9000)

    def listen() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
        made.bind((VIP, 9000))
        made.listen()
        return made

    listener = host.inside(listen)
    served = said(made, path)
    listener.close()
    refused = said(made, path)

    assert (served, refused) == ({""}, {"refuses the connection"})


def test_without_a_port_the_vip_is_asked_for_an_echo(made: Rig) -> None:
    host, path = made.lab.realservers[1], path_to(RIPS[1], port=0)

    held = said(made, path)
    host.ip(f"address del {VIP}/32 dev lvsdr0")
    sent_back = said(made, path)
    host.ip(f"address add {VIP}/32 dev lvsdr0")

    # The guard route says so, too.
    assert (held, sent_back) == ({""}, {"has lost the VIP"})


@pytest.mark.parametrize(
    ("check", "port", "why"),
    [
        pytest.param(UdpCheck(b"?"), 53, "", id="any answer"),
        pytest.param(UdpCheck(b"?", b"rs"), 53, "", id="an answer that begins so"),
        pytest.param(UdpCheck(b"?", b"no"), 53, "answers with something else", id="another"),
        pytest.param(UdpCheck(b"?"), 54, "refuses the datagram", id="nobody"),
    ],
)
def test_a_datagram_of_the_profiles_own_wants_its_answer(
    made: Rig, check: UdpCheck, port: int, why: str
) -> None:
    path = path_to(RIPS[0], protocol="udp", port=port)

    assert said(made, path, check=check) == {why}


def test_a_closed_port_is_not_taken_for_a_silent_one_while_its_errors_are_limited(
    made: Rig,
) -> None:
    """The host says only once a second that nobody listens; in between the VIP answers echoes."""
    path = path_to(RIPS[0], protocol="udp", port=8125)

    assert said(made, path, times=12) == {"refuses the datagram"}


def test_a_silent_datagram_service_serves_while_the_vip_is_there(made: Rig) -> None:
    host, path = made.lab.realservers[0], path_to(RIPS[0], protocol="udp", port=8126)

    def listen() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((VIP, 8126))
        return made

    listener = host.inside(listen)
    found = said(made, path)
    listener.close()

    assert found == {""}


def test_what_a_lost_reset_has_left_half_open_is_reset_later(made: Rig) -> None:
    host, rule = made.lab.realservers[0], "-p tcp --tcp-flags RST RST -j DROP"
    host.run("sh", text=f"iptables-legacy -I INPUT {rule}\n")

    def half_open() -> int:
        return len(host.run("ss", "-Htan", "state", "syn-recv").stdout.splitlines())

    own = own4(made)
    with one(made.lab.director, checked(0, path_to(RIPS[0]), own)) as seen:
        next_of(seen, 0)
        left = settled(half_open, 0, 0.1)
        host.run("sh", text=f"iptables-legacy -D INPUT {rule}\n")
        seen.results.clear()
        # The real server says again that it accepts, after one second and after two more.
        gone = settled(half_open, 0, 12.0)

    assert left > 0
    assert gone <= 1


def own4(made: Rig) -> tuple[str, str]:
    return str(made.lab.topology.director.address(4)), "fd00::1"
