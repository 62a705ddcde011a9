"""What rtnetlink tells of others' work: parsed, ours told apart, and an overrun is no silence."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lvsdr.kernel.netlink.netlink_socket import OWN_PORTS
from lvsdr.kernel.netlink.route_events import OVERRUN, events_in, who_is
from lvsdr.kernel.netlink.route_socket import RouteSocket
from lvsdr.kernel.netlink.rtm_route import UNREACHABLE
from lvsdr.model.route_event import RouteEvent
from netlink_wire import theirs

LO = socket.if_nametoindex("lo")
# No process has it, nor may one.
PORT = 0x7FFFFFFF


def said(packet: bytes, port: int = PORT) -> bytes:
    """Return a notice as the kernel tells it of who has `port`."""
    return packet[:12] + struct.pack("=I", port) + packet[16:]


def address(kind: int, ip: str, port: int = PORT) -> bytes:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    prefix = 128 if ":" in ip else 32
    made = theirs(ifaddrmsg(), kind, 0, family=family, prefixlen=prefix, index=LO, IFA_ADDRESS=ip)
    return said(made, port)


@pytest.mark.parametrize(("ip", "shown"), [("192.0.2.1", "192.0.2.1/32"), ("2001:db8::1",) * 2])
def test_an_address_that_comes_or_goes_is_told(ip: str, shown: str) -> None:
    subject = shown if "/" in shown else f"{shown}/128"

    found = [*events_in(address(20, ip) + address(21, ip))]

    assert found == [
        RouteEvent("address", "lo", LO, subject, gone=False, port=PORT),
        RouteEvent("address", "lo", LO, subject, gone=True, port=PORT),
    ]


def test_a_link_that_comes_or_goes_is_told() -> None:
    made = (theirs(ifinfmsg(), kind, 0, index=9, IFLA_IFNAME="veth7") for kind in (16, 17))

    found = [*events_in(b"".join(map(said, made)))]

    assert found == [
        RouteEvent("link", "veth7", 9, "", gone=False, port=PORT),
        RouteEvent("link", "veth7", 9, "", gone=True, port=PORT),
    ]


def test_of_routes_dead_ends_are_told_and_no_others() -> None:
    fields = {"family": socket.AF_INET, "dst_len": 32, "RTA_DST": "192.0.2.1"}
    made = (theirs(rtmsg(), 25, 0, type=kind, **fields) for kind in (1, UNREACHABLE))

    found = [*events_in(b"".join(map(said, made)))]

    assert found == [RouteEvent("route", "", 0, "192.0.2.1/32", gone=True, port=PORT)]


def test_what_this_process_does_is_not_told() -> None:
    with_pyroute2 = os.getpid() | 5 << 22
    with closing(RouteSocket()), closing(RouteSocket()):
        ports = [with_pyroute2, os.getpid(), *OWN_PORTS]
        packets = [address(20, "192.0.2.1", port) for port in ports]

        assert len(OWN_PORTS) == 2
        assert [*events_in(b"".join(packets))] == []

    assert set() == OWN_PORTS


def test_the_process_that_did_it_has_a_name_while_it_lives(tmp_path: Path) -> None:
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "comm").write_text("NetworkManager\n")

    assert who_is(77, tmp_path) == "NetworkManager"
    assert who_is(78, tmp_path) == ""
    assert who_is(0, tmp_path) == ""


@given(st.binary(max_size=200))
def test_what_comes_broken_is_an_overrun_or_nothing(packet: bytes) -> None:
    for event in events_in(packet):
        assert event.what in {"overrun", "link", "address", "route"}


def test_a_notice_that_is_cut_off_is_an_overrun() -> None:
    whole = address(20, "192.0.2.1")
    cut = struct.pack("=I", len(whole) - 8) + whole[4:-8]

    assert [*events_in(cut)] == [OVERRUN]
