"""The messages of rtnetlink: byte for byte those of pyroute2, and back; and what comes broken."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2 import netlink as their_netlink
from pyroute2.netlink.rtnl import ifaddrmsg as their_addresses
from pyroute2.netlink.rtnl import ifinfmsg as their_links
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lvsdr.kernel.netlink import (
    netlink_messages,
    netlink_socket,
    rtm_address,
    rtm_link,
    rtm_neighbour,
    rtm_route,
)
from lvsdr.kernel.netlink.netlink_messages import (
    ACK,
    DUMP,
    DUMP_INTERRUPTED,
    HEADER,
    MULTI,
    NLMSG_ERROR,
    REQUEST,
)
from lvsdr.kernel.netlink.route_socket import ATTEMPTS, CREATE, EXCLUSIVE, FAMILIES
from lvsdr.kernel.netlink.rtm_address import IFA_F_DEPRECATED, IFA_F_NODAD, RawAddress
from lvsdr.kernel.netlink.rtm_link import RawLink
from lvsdr.kernel.netlink.rtm_neighbour import RawProxy
from lvsdr.kernel.netlink.rtm_route import UNREACHABLE, RawRoute
from lvsdr.model.other_attributes import AddressAttributes
from netlink_wire import Wire, answer, end, message, theirs, told

VIP, VIP6 = "192.0.2.10", "2001:db8::10"
LABELLED = RawAddress(7, ip_interface(f"{VIP}/32"), "host", label="lo:1")
OLD = RawAddress(7, ip_interface(f"{VIP6}/128"), flags=IFA_F_NODAD | IFA_F_DEPRECATED)
GUARD = RawRoute(UNREACHABLE, ip_network(f"{VIP}/32"), 4_294_967_294)
GUARD6 = RawRoute(UNREACHABLE, ip_network(f"{VIP6}/128"), 1024)
CHANGED, MADE = REQUEST | ACK, REQUEST | ACK | CREATE | EXCLUSIVE


def sent(ask: Callable[[Wire], object]) -> bytes:
    """Return the request that is sent, and consented to."""
    with closing(Wire(answer())) as wire:
        ask(wire)
        return wire.kernel.recv(1 << 16)


# --- what we ask ---------------------------------------------------------------------------------


def test_an_ipv4_address_is_added_and_deleted_as_pyroute2_does() -> None:
    family = {"family": socket.AF_INET, "prefixlen": 32, "index": 7}
    local = {"IFA_ADDRESS": VIP, "IFA_LOCAL": VIP}

    added = sent(lambda wire: rtm_address.add(wire, LABELLED))
    deleted = sent(lambda wire: rtm_address.delete(wire, LABELLED))

    assert added == theirs(ifaddrmsg(), 20, MADE, **family, scope=254, **local, IFA_LABEL="lo:1")
    assert deleted == theirs(ifaddrmsg(), 21, CHANGED, **family, **local)


def test_a_link_is_made_and_deleted_as_pyroute2_does() -> None:
    info = {"attrs": [("IFLA_INFO_KIND", "dummy")]}
    named = {"IFLA_IFNAME": "lvsdr0", "IFLA_LINKINFO": info}

    made = sent(lambda wire: rtm_link.make(wire, "lvsdr0", "dummy"))
    deleted = sent(lambda wire: rtm_link.delete(wire, 7))

    assert made == theirs(ifinfmsg(), 16, MADE, **named)
    assert deleted == theirs(ifinfmsg(), 17, CHANGED, index=7)


def test_an_ipv6_address_is_added_and_deleted_as_pyroute2_does() -> None:
    family = {"family": socket.AF_INET6, "prefixlen": 128, "index": 7}
    lifetime = {"ifa_preferred": 0, "ifa_valid": 0xFFFFFFFF}

    added = sent(lambda wire: rtm_address.add(wire, OLD))
    deleted = sent(lambda wire: rtm_address.delete(wire, OLD))

    assert added == theirs(
        ifaddrmsg(),
        20,
        MADE,
        **family,
        IFA_ADDRESS=VIP6,
        IFA_FLAGS=IFA_F_NODAD,
        IFA_CACHEINFO=lifetime,
    )
    assert deleted == theirs(ifaddrmsg(), 21, CHANGED, **family, IFA_ADDRESS=VIP6)


def test_an_ipv6_address_is_looked_for_once_as_its_attributes_say() -> None:
    plain = RawAddress(7, ip_interface(f"{VIP6}/64"))
    family = {"family": socket.AF_INET6, "prefixlen": 64, "index": 7, "IFA_ADDRESS": VIP6}

    with closing(Wire(answer(), answer(sequence=2))) as wire:
        rtm_address.add(wire, replace(plain, others=AddressAttributes()))
        checked = [wire.kernel.recv(1 << 16) for _ in range(2)]

    with closing(Wire(answer(), answer(sequence=2))) as wire:
        rtm_address.add(wire, plain)
        asked = wire.kernel.recv(1 << 16)

    assert asked == theirs(ifaddrmsg(), 20, MADE, **family)
    # Put back, it is in use at once, and only then what it was.
    flags = [rtm_address.decode(memoryview(each)).flags for each in checked]
    assert flags == [IFA_F_NODAD, 0]


def test_a_link_is_set_up_as_pyroute2_does() -> None:
    up = sent(lambda wire: rtm_link.set_flags(wire, 7, 0x81, 0x81))

    assert up == theirs(ifinfmsg(), 16, CHANGED, index=7, flags=0x81, change=0x81)


@pytest.mark.parametrize("guard", [GUARD, GUARD6], ids=["ipv4", "ipv6"])
def test_a_route_is_added_and_deleted_as_pyroute2_does(guard: RawRoute) -> None:
    fields = {
        "family": FAMILIES[guard.destination.version],
        "dst_len": guard.destination.prefixlen,
        "table": 254,
        "proto": 4,
        "type": UNREACHABLE,
        "RTA_DST": str(guard.destination.network_address),
        "RTA_PRIORITY": guard.metric,
    }

    added = sent(lambda wire: rtm_route.add(wire, guard))
    deleted = sent(lambda wire: rtm_route.delete(wire, guard))

    assert added == theirs(rtmsg(), 24, MADE, **fields)
    assert deleted == theirs(rtmsg(), 25, CHANGED, **fields)


def test_a_list_is_asked_for_as_pyroute2_does() -> None:
    listing = REQUEST | DUMP

    def asked(dump: Callable[[Wire], object]) -> bytes:
        with closing(Wire(end())) as wire:
            dump(wire)
            return wire.kernel.recv(1 << 16)

    assert asked(rtm_link.dump) == theirs(ifinfmsg(), 18, listing, IFLA_EXT_MASK=8)
    assert asked(lambda wire: rtm_address.dump(wire, 7)) == theirs(
        ifaddrmsg(), 22, listing, index=7
    )
    assert asked(lambda wire: rtm_route.dump(wire, 4, UNREACHABLE)) == theirs(
        rtmsg(), 26, listing, family=socket.AF_INET, table=254, type=UNREACHABLE
    )


def test_a_route_is_asked_for_as_pyroute2_does() -> None:
    whole = {"family": socket.AF_INET, "dst_len": 32, "src_len": 32}
    expected = theirs(rtmsg(), 26, REQUEST, **whole, RTA_DST=VIP, RTA_SRC="192.0.2.1", RTA_IIF=7)

    with closing(Wire(answer(errno.EHOSTUNREACH))) as wire:
        with pytest.raises(OSError, match="No route to host"):
            rtm_route.of_packet(wire, ip_address(VIP), ip_address("192.0.2.1"), 7)
        asked = wire.kernel.recv(1 << 16)

    assert asked == expected


def test_the_flags_and_the_options_level_are_those_of_pyroute2() -> None:
    for name in ("NODAD", "DADFAILED", "DEPRECATED", "TENTATIVE"):
        assert getattr(rtm_address, f"IFA_F_{name}") == getattr(their_addresses, f"IFA_F_{name}")
    assert netlink_socket.SOL_NETLINK == their_netlink.SOL_NETLINK
    for name in ("UP", "LOOPBACK", "NOARP"):
        assert getattr(rtm_link, f"IFF_{name}") == getattr(their_links, f"IFF_{name}")


# --- what the kernel says ------------------------------------------------------------------------


def test_links_are_read_as_pyroute2_writes_them() -> None:
    said = told(
        16,
        ifinfmsg(),
        index=7,
        flags=0x1043,
        IFLA_IFNAME="eth0.5",
        IFLA_ADDRESS="02:00:00:00:00:11",
        IFLA_MTU=1500,
        IFLA_QDISC="noqueue",
        IFLA_LINK=2,
        IFLA_MASTER=9,
        IFLA_LINKINFO={"attrs": [("IFLA_INFO_KIND", "vlan")]},
    )

    with closing(Wire(*said)) as wire:
        found = rtm_link.dump(wire)

    mac = "02:00:00:00:00:11"
    assert found == {7: RawLink(7, "eth0.5", "vlan", 0x1043, mac, 1500, "noqueue", 9, below=2)}


def test_a_link_whose_other_end_is_elsewhere_says_where() -> None:
    said = told(
        16, ifinfmsg(), index=7, IFLA_IFNAME="eth0", IFLA_MTU=1500, IFLA_LINK=2, IFLA_LINK_NETNSID=0
    )

    with closing(Wire(*said)) as wire:
        found = rtm_link.dump(wire)

    assert (found[7].below, found[7].far) == (2, 0)


@given(
    st.ip_addresses(),
    st.integers(0, 32),
    st.sampled_from(sorted(rtm_address.SCOPES)),
    st.integers(0),
)
def test_addresses_are_read_as_pyroute2_writes_them(
    own: Any, length: int, scope: str, drawn: int
) -> None:
    ipv4 = own.version == 4
    flags = drawn & 0xFFFFFFFF
    label = {"IFA_LABEL": "eth0:1"} if ipv4 else {}
    said = told(
        20,
        ifaddrmsg(),
        family=socket.AF_INET if ipv4 else socket.AF_INET6,
        prefixlen=length,
        index=7,
        scope=rtm_address.SCOPES[scope],
        IFA_ADDRESS=str(own),
        IFA_FLAGS=flags,
        **label,
    )

    with closing(Wire(*said)) as wire:
        found = rtm_address.dump(wire)

    ip = IPv4Interface((own, length)) if ipv4 else IPv6Interface((own, length))
    assert found == [RawAddress(7, ip, scope, flags, "eth0:1" if ipv4 else None)]


def test_only_flags_that_may_be_asked_for_are_put_back() -> None:
    names = {
        *("NODAD", "OPTIMISTIC", "HOMEADDRESS"),
        *("MANAGETEMPADDR", "NOPREFIXROUTE", "MCAUTOJOIN"),
    }
    settable = sum(getattr(their_addresses, f"IFA_F_{name}") for name in names)
    entry = {"family": socket.AF_INET, "prefixlen": 32, "index": 7, "IFA_ADDRESS": VIP}

    with closing(Wire(*told(20, ifaddrmsg(), **entry, IFA_FLAGS=0xFFFF))) as wire:
        (found,) = rtm_address.dump(wire)

    assert found.others is not None
    assert (found.flags, found.others.flags) == (0xFFFF, settable)


def test_of_a_point_to_point_link_our_own_end_is_the_address() -> None:
    said = told(
        20,
        ifaddrmsg(),
        family=socket.AF_INET,
        prefixlen=32,
        index=7,
        IFA_ADDRESS="192.0.2.2",
        IFA_LOCAL="192.0.2.1",
    )

    with closing(Wire(*said)) as wire:
        found = rtm_address.dump(wire)

    assert found == [RawAddress(7, ip_interface("192.0.2.1/32"))]


def test_routes_are_read_as_pyroute2_writes_them() -> None:
    fields = {"family": socket.AF_INET, "dst_len": 32, "table": 254, "type": UNREACHABLE}
    said = told(24, rtmsg(), **fields, RTA_DST=VIP, RTA_PRIORITY=GUARD.metric, RTA_TABLE=254)

    with closing(Wire(*said)) as wire:
        found = rtm_route.dump(wire, 4, UNREACHABLE)

    assert found == [GUARD]


def test_what_a_kernel_without_filters_lists_besides_is_left_out() -> None:
    whole = {"family": socket.AF_INET, "dst_len": 32, "RTA_DST": VIP}
    other_type = theirs(rtmsg(), 24, MULTI, **whole, table=254, type=6)
    other_table = theirs(rtmsg(), 24, MULTI, **whole, table=100, type=UNREACHABLE)
    other_link = theirs(
        ifaddrmsg(), 20, MULTI, family=socket.AF_INET, index=8, prefixlen=32, IFA_ADDRESS=VIP
    )

    with closing(Wire(other_type + other_table, end())) as wire:
        assert rtm_route.dump(wire, 4, UNREACHABLE) == []
    with closing(Wire(other_link, end())) as wire:
        assert rtm_address.dump(wire, 7) == []


def test_proxy_entries_are_read_and_other_neighbours_are_not() -> None:
    entry = {"family": socket.AF_INET, "ifindex": 7, "NDA_DST": VIP}
    proxied = theirs(ndmsg(), 28, MULTI, **entry, flags=rtm_neighbour.NTF_PROXY)
    cached = theirs(ndmsg(), 28, MULTI, **entry, flags=0)

    with closing(Wire(proxied + cached, end(), end(sequence=2))) as wire:
        found = rtm_neighbour.dump_proxies(wire)

    assert found == [RawProxy(7, ip_address(VIP))]


def test_an_attribute_without_a_value_is_there_though_it_is_the_last() -> None:
    packed = netlink_messages.pack_attribute(1, b"one") + netlink_messages.pack_attribute(2, b"")

    found = netlink_messages.unpack_attributes(memoryview(packed))

    assert {kind: bytes(value) for kind, value in found.items()} == {1: b"one", 2: b""}


# --- lists that are torn, refused, or too long ---------------------------------------------------


def lo(sequence: int, flags: int = MULTI) -> bytes:
    return theirs(ifinfmsg(), 16, flags, sequence, index=1, IFLA_IFNAME="lo", IFLA_MTU=65536)


def test_a_list_that_a_change_has_torn_is_asked_for_again() -> None:
    torn = lo(1, MULTI | DUMP_INTERRUPTED) + end()
    whole = lo(2) + end(sequence=2)

    with closing(Wire(torn, whole)) as wire:
        found = rtm_link.dump(wire)

    assert list(found) == [1]


def test_a_list_that_is_torn_each_time_is_no_list() -> None:
    torn = (end(sequence=number, flags=MULTI | DUMP_INTERRUPTED) for number in range(1, 99))

    with closing(Wire(*torn)) as wire:
        with pytest.raises(InterruptedError):
            rtm_link.dump(wire)

        assert wire.sequence() == ATTEMPTS + 1


def test_a_refusal_at_the_end_of_a_list_is_one() -> None:
    with closing(Wire(end(errno.ENODEV))) as wire, pytest.raises(OSError, match="No such device"):
        rtm_address.dump(wire, 7)


def test_a_namespace_without_a_main_table_has_no_routes() -> None:
    with closing(Wire(end(errno.ENOENT))) as wire:
        assert rtm_route.dump(wire, 4, UNREACHABLE) == []


def test_a_refused_request_says_why() -> None:
    words = netlink_messages.pack_attribute(1, b"Address already assigned\0")
    refusal = message(
        NLMSG_ERROR,
        struct.pack("=i16x", -errno.EEXIST) + words,
        flags=netlink_messages.ACK_TLVS,
    )

    with (
        closing(Wire(refusal)) as wire,
        pytest.raises(FileExistsError, match="Address already assigned"),
    ):
        rtm_address.add(wire, LABELLED)


def test_what_is_left_of_an_earlier_list_is_no_answer() -> None:
    with closing(Wire(lo(0), answer(errno.EPERM))) as wire, pytest.raises(PermissionError):
        rtm_link.set_flags(wire, 7, 0, 1)


def test_a_message_of_which_a_part_was_lost_is_an_error() -> None:
    long = message(16, bytes(netlink_socket.LARGEST_REPLY))

    with closing(Wire(long)) as wire, pytest.raises(OSError, match="Message too long"):
        rtm_link.dump(wire)


def test_a_reply_shorter_than_a_header_is_an_error() -> None:
    with closing(Wire(b"\0")) as wire, pytest.raises(OSError, match="Protocol error"):
        rtm_link.dump(wire)


DECODERS: dict[str, Callable[[memoryview], object]] = {
    "link": rtm_link.decode,
    "address": rtm_address.decode,
    "route": rtm_route.decode,
    "neighbour": rtm_neighbour.decode,
}


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
@given(st.binary(max_size=120))
def test_whatever_comes_is_understood_or_an_error_of_the_system(
    decode: Callable[[memoryview], object], body: bytes
) -> None:
    packed = memoryview(message(16, body))

    try:
        netlink_messages.decode_message(packed, decode)
    except OSError as error:
        assert error.errno == errno.EPROTO


@given(st.data())
def test_a_length_that_lies_is_an_error(data: st.DataObject) -> None:
    packed = bytearray(lo(1))
    start = HEADER.size + rtm_link.IFINFOMSG.size
    wrong = data.draw(st.integers(0, 3) | st.integers(len(packed) - start + 1, 0xFFFF))
    packed[start : start + 2] = struct.pack("=H", wrong)

    with pytest.raises(OSError, match="Protocol error"):
        netlink_messages.decode_message(memoryview(packed), rtm_link.decode)
