"""Which frames our sockets are given: each filter run on frames, as the kernel runs it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest

from bpf_machine import BROADCAST, MULTICAST, OUTGOING, TO_US, passes
from lvsdr.model.address import IPAddress
from lvsdr.wire import bpf
from lvsdr.wire.first_packet_filter import first_packet_filter
from lvsdr.wire.frames import arp, ethernet, icmp, ip, neighbour_discovery, sctp, tcp, udp
from lvsdr.wire.frames.arp import Arp
from lvsdr.wire.frames.ethernet import ARP, IPV4, IPV6, Frame
from lvsdr.wire.frames.icmp import Echo, Error
from lvsdr.wire.frames.ip import IPPacket
from lvsdr.wire.frames.neighbour_discovery import Advertisement
from lvsdr.wire.frames.sctp import Chunk
from lvsdr.wire.frames.tcp import Segment
from lvsdr.wire.frames.udp import Datagram
from lvsdr.wire.packet_filters import ethertype_filter, probe_reply_filter

US, THEM = "02:00:00:00:00:10", "02:00:00:00:00:11"
VIP, OTHER, CLIENT = (IPv4Address(f"192.0.2.{end}") for end in (10, 11, 12))
VIP6, OTHER6, CLIENT6 = (IPv6Address(f"2001:db8::{end}") for end in (10, 11, 12))
BOTH: list[tuple[IPAddress, IPAddress]] = [(VIP, CLIENT), (VIP6, CLIENT6)]
families = pytest.mark.parametrize(("vip", "client"), BOTH, ids=["IPv4", "IPv6"])


def of_arp(sender: IPv4Address, target: IPv4Address = OTHER) -> bytes:
    return arp.broadcast(Arp(arp.REQUEST, THEM, sender, ethernet.UNKNOWN, target))


def of_nd(message: neighbour_discovery.Message) -> bytes:
    return ethernet.encode(Frame(US, THEM, IPV6, neighbour_discovery.encode(message)))


def carrying(packet: IPPacket) -> bytes:
    ethertype = IPV4 if packet.source.version == 4 else IPV6
    return ethernet.encode(Frame(US, THEM, ethertype, ip.encode(packet)))


# --- neighbours ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        pytest.param(of_arp(VIP), True, id="ARP of it"),
        pytest.param(of_arp(OTHER, VIP), False, id="ARP asks for it"),
        pytest.param(of_nd(neighbour_discovery.unsolicited(THEM, VIP6)), True, id="ND of it"),
        pytest.param(
            of_nd(Advertisement(VIP6, CLIENT6, OTHER6, THEM)), False, id="ND of another, from it"
        ),
        pytest.param(
            of_nd(neighbour_discovery.question(THEM, VIP6, OTHER6)), True, id="ND: it asks"
        ),
        pytest.param(
            of_nd(neighbour_discovery.question(THEM, OTHER6, VIP6)), False, id="ND asks for it"
        ),
        pytest.param(carrying(IPPacket(VIP6, CLIENT6, ip.ICMPV6, b"\x85")), False, id="a router's"),
        pytest.param(carrying(IPPacket(VIP6, CLIENT6, ip.UDP, bytes(60))), False, id="IPv6"),
        pytest.param(carrying(IPPacket(VIP, CLIENT, ip.UDP, bytes(60))), False, id="IPv4"),
        pytest.param(b"", False, id="nothing"),
    ],
)
@pytest.mark.parametrize("more", [0, 1, 2, 100, bpf.MOST_VALUES - 2])
def test_what_is_said_of_the_addresses_passes(frame: bytes, said: bool, more: int) -> None:
    others = [IPv4Address("10.0.0.0") + each for each in range(more)]
    program = ethertype_filter([ARP, IPV6], [VIP, VIP6, *others])

    assert passes(program, frame) is said


def test_one_more_than_the_kernel_can_compare_lets_all_pass() -> None:
    about = [IPv4Address("10.0.0.0") + each for each in range(bpf.MOST_VALUES + 1)]

    assert not passes(ethertype_filter([ARP], about[1:]), of_arp(VIP))
    assert passes(ethertype_filter([ARP], about), of_arp(VIP))
    assert passes(ethertype_filter([ARP]), of_arp(VIP))


@pytest.mark.parametrize("ethertypes", [[ARP], [IPV6], [IPV4]])
def test_only_the_protocols_that_are_asked_for_pass(ethertypes: list[int]) -> None:
    frames = {
        ARP: of_arp(VIP),
        IPV6: of_nd(neighbour_discovery.probe(VIP6)),
        IPV4: carrying(IPPacket(VIP, CLIENT, ip.UDP, b"")),
    }

    passed = [each for each, frame in frames.items() if passes(ethertype_filter(ethertypes), frame)]

    assert passed == ethertypes


def test_each_way_has_its_own_frames_and_our_own_are_of_none() -> None:
    filters = [ethertype_filter([ARP], way=way) for way in (None, "to us", "to all")]

    heard = {
        way: [passes(each, of_arp(VIP), way) for each in filters]
        for way in (TO_US, BROADCAST, MULTICAST, OUTGOING)
    }

    assert heard == {
        TO_US: [True, True, False],
        BROADCAST: [True, False, True],
        MULTICAST: [True, False, True],
        OUTGOING: [False, False, False],
    }


FILTERS = {
    "neighbours": (ethertype_filter([ARP]), of_arp(VIP)),
    "probes": (
        probe_reply_filter([80]),
        carrying(IPPacket(VIP, CLIENT, ip.UDP, udp.encode(Datagram(1, 80), VIP, CLIENT))),
    ),
    "first packets": (
        first_packet_filter([VIP], udp=True),
        carrying(IPPacket(CLIENT, VIP, ip.UDP, udp.encode(Datagram(1, 80), CLIENT, VIP))),
    ),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize(
    ("vlan", "ours"), [(None, True), (0, True), (0xE000, True), (1, False), (0xE064, False)]
)
def test_what_came_in_a_vlan_is_not_the_links_but_a_priority_is(
    name: str, vlan: int | None, ours: bool
) -> None:
    assert passes(*FILTERS[name], vlan=vlan) is ours


@pytest.mark.parametrize("name", ["probes", "first packets"])
def test_only_what_is_sent_to_us_is_a_reply_or_a_first_packet(name: str) -> None:
    assert [passes(*FILTERS[name], way) for way in (TO_US, BROADCAST, OUTGOING)] == [
        True,
        False,
        False,
    ]


# --- replies to probes ---------------------------------------------------------------------------

PORTS = (61500, 61501, 61600)
Body = Callable[[int, IPAddress, IPAddress], bytes]
TO_PORT: dict[int, Body] = {
    ip.TCP: lambda port, *ends: tcp.encode(Segment(80, port, 1, 2, tcp.SYN), *ends),
    ip.UDP: lambda port, *ends: udp.encode(Datagram(80, port), *ends),
    ip.SCTP: lambda port, *_: sctp.encode(Chunk(80, port, 1, sctp.ABORT)),
}


@families
@pytest.mark.parametrize("protocol", TO_PORT)
@pytest.mark.parametrize("port", [*PORTS, 61499, 61502, 61599, 61601, 80])
def test_what_comes_to_one_of_our_ports_passes(
    vip: IPAddress, client: IPAddress, protocol: int, port: int
) -> None:
    frame = carrying(IPPacket(vip, client, protocol, TO_PORT[protocol](port, vip, client)))

    assert passes(probe_reply_filter(PORTS), frame) is (port in PORTS)


@families
@pytest.mark.parametrize(
    ("message", "ours"),
    [
        (Echo(61500, 1, reply=True), True),
        (Echo(61499, 1, reply=True), False),
        (Echo(61500, 1), False),
    ],
)
def test_of_echoes_the_replies_to_us_pass(
    vip: IPAddress, client: IPAddress, message: Echo, ours: bool
) -> None:
    body = icmp.encode(message, vip, client)
    frame = carrying(IPPacket(vip, client, icmp.protocol(vip.version), body))

    assert passes(probe_reply_filter(PORTS), frame) is ours


@pytest.mark.parametrize(
    ("ends", "kinds"), [(BOTH[0], (3, 11, 12)), (BOTH[1], (1, 2, 3, 4))], ids=["IPv4", "IPv6"]
)
def test_all_errors_pass(ends: tuple[IPAddress, IPAddress], kinds: tuple[int, ...]) -> None:
    version = ends[0].version
    passed = [
        kind
        for kind in range(1, 13)
        if passes(
            probe_reply_filter(PORTS),
            carrying(
                IPPacket(
                    *ends,
                    icmp.protocol(version),
                    icmp.encode(Error(version, kind, 0, b""), *ends),
                )
            ),
        )
    ]

    # Of IPv6 every type below 128 is an error, known to us or not.
    assert passed == list(kinds if version == 4 else range(1, 13))


def test_another_protocol_does_not_pass() -> None:
    for vip, client in BOTH:
        frame = carrying(IPPacket(vip, client, 89, struct.pack("!HHI", 80, 61500, 0)))

        assert not passes(probe_reply_filter(PORTS), frame)


def with_options(frame: bytes) -> bytes:
    """Return an IPv4 frame with four bytes of options in its header."""
    return frame[:14] + b"\x46" + frame[15:34] + bytes(4) + frame[34:]


def with_offset(frame: bytes, offset: int) -> bytes:
    """Return an IPv4 frame with this in the place of its fragment's flags and offset."""
    return frame[:20] + offset.to_bytes(2) + frame[22:]


@pytest.mark.parametrize(
    ("offset", "reply", "first"), [(0x4000, True, True), (0x2000, False, True), (1, False, False)]
)
def test_of_fragments_the_first_is_a_first_packet_and_none_a_reply(
    offset: int, reply: bool, first: bool
) -> None:
    (replies, to_client), (firsts, to_vip) = FILTERS["probes"], FILTERS["first packets"]

    assert passes(replies, with_offset(to_client, offset)) is reply
    assert passes(firsts, with_offset(to_vip, offset)) is first


def test_options_of_ipv4_are_skipped() -> None:
    (replies, to_client), (firsts, to_vip) = FILTERS["probes"], FILTERS["first packets"]

    assert passes(replies, with_options(to_client))
    assert passes(firsts, with_options(to_vip))


# --- first packets -------------------------------------------------------------------------------


def of_tcp(vip: IPAddress, client: IPAddress, flags: int, ttl: int = 64) -> bytes:
    body = tcp.encode(Segment(50000, 80, 1, 0, flags), client, vip)
    return carrying(IPPacket(client, vip, ip.TCP, body, ttl))


@families
@pytest.mark.parametrize(
    ("flags", "first"),
    [(tcp.SYN, True), (0xC2, True), (tcp.SYN | tcp.ACK, False), (tcp.ACK, False), (tcp.RST, False)],
)
def test_of_tcp_a_syn_alone_is_first(
    vip: IPAddress, client: IPAddress, flags: int, first: bool
) -> None:
    program = first_packet_filter([VIP, VIP6], udp=False)

    assert passes(program, of_tcp(vip, client, flags)) is first


@families
@pytest.mark.parametrize(("ttl", "first"), [(1, False), (2, False), (3, True)])
def test_a_probe_of_a_path_is_no_client(
    vip: IPAddress, client: IPAddress, ttl: int, first: bool
) -> None:
    program = first_packet_filter([VIP, VIP6], udp=False)

    assert passes(program, of_tcp(vip, client, tcp.SYN, ttl)) is first


@families
@pytest.mark.parametrize("wanted", [True, False])
def test_datagrams_pass_where_they_are_asked_for(
    vip: IPAddress, client: IPAddress, wanted: bool
) -> None:
    body = udp.encode(Datagram(50000, 53), client, vip)
    frame = carrying(IPPacket(client, vip, ip.UDP, body))

    assert passes(first_packet_filter([VIP, VIP6], udp=wanted), frame) is wanted


@pytest.mark.parametrize(
    ("many", "compared"), [(1, True), (2, True), (3, True), (200, True), (201, False)]
)
def test_only_what_is_for_a_vip_passes_while_they_can_be_compared(
    many: int, compared: bool
) -> None:
    vips = [VIP + each for each in range(many)]
    program = first_packet_filter(vips, udp=False)

    for vip in (vips[0], vips[-1]):
        assert passes(program, of_tcp(vip, CLIENT, tcp.SYN))
    for other in (vips[0] - 1, vips[-1] + 1):
        assert passes(program, of_tcp(other, CLIENT, tcp.SYN)) is not compared
