"""Questions made once: each frame is what a probe's would be, and the answer has its key."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvsdr.wire.checks.answer_keys import CLOSED, OPEN, STALE, heard
from lvsdr.wire.checks.questions_again import Reset, question
from lvsdr.wire.frames import ethernet, icmp, ip, sctp, tcp, udp
from lvsdr.wire.frames.encapsulation import OuterHeader, quoted_inner
from lvsdr.wire.frames.ethernet import Frame, mac_bytes
from lvsdr.wire.frames.ip import IPPacket, checksum_of
from lvsdr.wire.paths.probe import ECHO, Mark, Probe, probe_frame

VIP, RIP, DIP = (ip_address(f"192.0.2.{end}") for end in (10, 11, 1))
VIP6, RIP6, DIP6 = (ip_address(f"2001:db8::{end}") for end in (10, 11, 1))
OURS, THEIRS = "02:00:00:00:00:01", "02:00:00:00:00:11"
LABEL = Mark(0, 0x1234567800000000)
PORT = 12345

ENDS = {
    "IPv4": (DIP, VIP, None),
    "IPv6": (DIP6, VIP6, None),
    "IPIP": (DIP, VIP, OuterHeader(DIP, RIP)),
    "GUE": (DIP, VIP, OuterHeader(DIP, RIP, (1, 5555, 0))),
    "GRE with a checksum": (DIP, VIP, OuterHeader(DIP, RIP, (2, 0, 1))),
    "IPv6 in IPv4": (DIP6, VIP6, OuterHeader(DIP, RIP)),
    "IPv4 in GUE of IPv6": (DIP, VIP, OuterHeader(DIP6, RIP6, (1, 5555, 0))),
}
KINDS = {"tcp": 80, "udp": 8125, "dns": 53, "ntp": 123, "sctp": 80, ECHO: 0}


def probe(kind: str, way: str) -> Probe:
    source, target, tunnel = ENDS[way]
    protocol = "udp" if kind in ("dns", "ntp") else kind
    return Probe(protocol, source, target, KINDS[kind], THEIRS, 1, tunnel)


def packet_of(frame: bytes, probe: Probe) -> IPPacket:
    """Return the packet that a real server sees, every checksum on its way verified."""
    outer = ip.decode(ethernet.decode(frame).payload)
    if probe.tunnel is None:
        return outer
    if outer.protocol == ip.UDP:
        assert checksum_of(outer.source, outer.destination, ip.UDP, outer.payload) == 0
    if outer.protocol == 47:
        assert ip.checksum(outer.payload) == 0
    inner = quoted_inner(outer)
    assert inner is not None
    return inner


def verify_checksum(packet: IPPacket) -> None:
    ends = packet.source, packet.destination
    if packet.protocol in (ip.TCP, ip.UDP):
        assert checksum_of(*ends, packet.protocol, packet.payload) == 0
    elif packet.protocol in (ip.ICMP, ip.ICMPV6):
        icmp.decode(packet.payload, *ends)


def answer(packet: IPPacket) -> list[bytes]:
    """Return the packets that accept what is asked, and refuse it, as real servers send them."""
    ends = packet.destination, packet.source
    bodies: list[tuple[int, bytes]] = []
    if packet.protocol == ip.TCP:
        syn = tcp.decode(packet.payload)
        ports = syn.destination_port, syn.source_port
        for flags in (tcp.SYN | tcp.ACK, tcp.RST | tcp.ACK):
            segment = tcp.Segment(*ports, 7, syn.sequence + 1 & 0xFFFFFFFF, flags)
            bodies.append((ip.TCP, tcp.encode(segment, *ends)))
    elif packet.protocol == ip.UDP:
        asked = udp.decode(packet.payload)
        said = udp.Datagram(asked.destination_port, asked.source_port, asked.data)
        bodies.append((ip.UDP, udp.encode(said, *ends)))
    elif packet.protocol == ip.SCTP:
        init = int.from_bytes(packet.payload[16:20])
        ports = (int.from_bytes(packet.payload[2:4]), int.from_bytes(packet.payload[:2]))
        for kind in (sctp.INIT_ACK, sctp.ABORT):
            bodies.append((ip.SCTP, sctp.encode(sctp.Chunk(*ports, init, kind))))
    else:
        echo = icmp.decode(packet.payload, packet.source, packet.destination)
        assert isinstance(echo, icmp.Echo)
        bodies.append((packet.protocol, icmp.encode(replace(echo, reply=True), *ends)))
    ethertype = ethernet.IPV4 if packet.source.version == 4 else ethernet.IPV6
    return [
        ethernet.encode(Frame(OURS, THEIRS, ethertype, ip.encode(IPPacket(*ends, *body))))
        for body in bodies
    ]


@pytest.mark.parametrize("way", ENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_is_what_a_probes_would_be(kind: str, way: str) -> None:
    asked = probe(kind, way)
    chance = random.Random(kind + way)
    made = question(asked, OURS, LABEL)

    for _ in range(50):
        port, secret = chance.randrange(1, 65536), chance.randbytes(8)
        frame, key = made.ask(mac_bytes(THEIRS), port.to_bytes(2), secret)
        packet = packet_of(frame, asked)

        verify_checksum(packet)
        like = packet_of(probe_frame(asked, OURS, Mark(port, LABEL.secret)), asked)
        assert replace(packet, payload=b"") == replace(like, payload=b"")
        assert len(packet.payload) == len(like.payload)
        found = [heard(each) for each in answer(packet)]
        assert [None if each is None else each.key for each in found] == [key] * len(found)
        kinds = [None if each is None else each.kind for each in found]
        assert kinds == [OPEN, CLOSED][: len(found)]


@pytest.mark.parametrize("way", ENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_quotes_it_has_its_key_and_its_label(kind: str, way: str) -> None:
    asked = probe(kind, way)
    frame, key = question(asked, OURS, LABEL).ask(mac_bytes(THEIRS), b"09", b"secretly")
    four = (asked.tunnel.source if asked.tunnel else asked.source).version == 4
    ends = (RIP, DIP) if four else (RIP6, DIP6)
    error = icmp.Error(4 if four else 6, 3 if four else 1, 1 if four else 3, frame[14:])
    body = icmp.encode(error, *ends)
    packet = IPPacket(*ends, ip.ICMP if four else ip.ICMPV6, body)
    ethertype = ethernet.IPV4 if four else ethernet.IPV6

    found = heard(ethernet.encode(Frame(OURS, THEIRS, ethertype, ip.encode(packet))))

    assert found is not None
    assert (found.key, found.kind, found.outer) == (key, "unreachable", bool(asked.tunnel))
    assert found.label == LABEL.label(asked.target.version)


@pytest.mark.parametrize("way", ENDS)
def test_a_reset_closes_what_was_accepted(way: str) -> None:
    asked = probe("tcp", way)

    frame = Reset(asked, OURS, LABEL).frame(mac_bytes(THEIRS), b"09", b"\xff\xff\xff\xff")

    packet = packet_of(frame, asked)
    verify_checksum(packet)
    segment = tcp.decode(packet.payload)
    assert (segment.flags, segment.sequence) == (tcp.RST, 0xFFFFFFFF)
    assert (segment.source_port, segment.destination_port) == (0x3039, 80)


def test_a_host_that_has_a_connection_half_open_says_so() -> None:
    segment = tcp.Segment(80, PORT, 7, 8, tcp.ACK)
    packet = IPPacket(VIP, DIP, ip.TCP, tcp.encode(segment, VIP, DIP))

    found = heard(ethernet.encode(Frame(OURS, THEIRS, ethernet.IPV4, ip.encode(packet))))

    assert found is not None and found.kind == STALE


@pytest.mark.parametrize("length", range(14, 60))
def test_a_frame_that_is_cut_off_answers_nothing_and_raises_nothing(length: int) -> None:
    for kind in KINDS:
        for way in ("IPv4", "IPv6"):
            asked = probe(kind, way)
            frame, _ = question(asked, OURS, LABEL).ask(mac_bytes(THEIRS), b"09", b"secretly")
            for whole in answer(packet_of(frame, asked)):
                heard(whole[:length])
