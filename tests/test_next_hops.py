"""The gateways of a route: one, several, of the other family; and messages that are broken."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address

import pytest
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lvsdr.kernel.netlink import rtm_next_hop
from lvsdr.kernel.netlink.netlink_messages import decode_message
from lvsdr.kernel.netlink.rtm_next_hop import RTA_MULTIPATH, RTA_VIA
from lvsdr.kernel.netlink.rtm_route import BLACKHOLE, UNICAST

ONE, OTHER, LOCAL6 = "192.168.1.1", "192.168.1.9", "fe80::1"


def route(*attributes: tuple[str, object], kind: int = UNICAST) -> memoryview:
    """Return the message of a route, as pyroute2 writes it."""
    message = rtmsg()
    message["family"], message["type"], message["table"] = socket.AF_INET, kind, 254
    message["attrs"] = list(attributes)
    message.encode()
    return memoryview(bytes(message.data))


def test_a_route_has_its_gateway() -> None:
    message = route(("RTA_GATEWAY", ONE), ("RTA_OIF", 7))

    assert rtm_next_hop.decode(message) == {(7, ip_address(ONE))}


def test_a_route_of_several_paths_has_each_of_them() -> None:
    hops = [
        {"oif": link, "hops": 0, "attrs": [("RTA_GATEWAY", gateway)]}
        for link, gateway in ((7, ONE), (8, OTHER))
    ]

    found = rtm_next_hop.decode(route(("RTA_MULTIPATH", hops)))

    assert found == {(7, ip_address(ONE)), (8, ip_address(OTHER))}


def test_a_gateway_may_be_of_the_other_family() -> None:
    via = {"family": socket.AF_INET6, "addr": LOCAL6}

    found = rtm_next_hop.decode(route(("RTA_VIA", via), ("RTA_OIF", 7)))

    assert found == {(7, ip_address(LOCAL6))}


def test_a_route_without_a_gateway_and_one_that_leads_nowhere_have_none() -> None:
    assert rtm_next_hop.decode(route(("RTA_OIF", 7))) == set()
    assert rtm_next_hop.decode(route(("RTA_GATEWAY", ONE), kind=BLACKHOLE)) == set()


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (RTA_MULTIPATH, struct.pack("=HBBi", 64, 0, 0, 7)),
        (RTA_MULTIPATH, struct.pack("=HBBi", 0, 0, 0, 7)),
        (RTA_VIA, b"\x02"),
        (RTA_VIA, struct.pack("=H3s", socket.AF_INET, b"abc")),
    ],
)
def test_what_is_cut_off_is_refused(kind: int, content: bytes) -> None:
    attribute = struct.pack("=HH", 4 + len(content), kind) + content
    whole = bytes(route(("RTA_OIF", 7))) + attribute + bytes(-len(attribute) % 4)

    with pytest.raises(OSError, match="Protocol error"):
        decode_message(memoryview(whole), rtm_next_hop.decode)
