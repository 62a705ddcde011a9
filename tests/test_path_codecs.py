"""Packets of the path probe: golden bytes, round trips, and what is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.frames import hostile, one
from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs_tunnel import IPIP_TUNNEL, Tunnel
from lvsdr.wire.frames import encapsulation, icmp, ip, sctp, tcp, udp
from lvsdr.wire.frames.encapsulation import OuterHeader
from lvsdr.wire.frames.ethernet import FrameError
from lvsdr.wire.frames.icmp import Echo, Error
from lvsdr.wire.frames.ip import IPPacket
from lvsdr.wire.frames.sctp import Chunk
from lvsdr.wire.frames.tcp import Segment
from lvsdr.wire.frames.udp import Datagram
from lvsdr.wire.paths.probe import (
    ECHO,
    HeardReply,
    Mark,
    Probe,
    ProbeReply,
    decode_reply,
    probe_frame,
    reset_frame,
)

US, THEM = "02:00:00:00:00:10", "02:00:00:00:00:11"
DIP, VIP, RIP = IPv4Address("192.0.2.10"), IPv4Address("192.0.2.2"), IPv4Address("192.0.2.11")
DIP6, VIP6 = IPv6Address("2001:db8::10"), IPv6Address("2001:db8::2")
VIP_OF: dict[IPAddress, IPAddress] = {DIP: VIP, DIP6: VIP6}

numbers16, numbers32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
octets = st.integers(0, 0xFF)
ends = st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)) | st.tuples(
    st.ip_addresses(v=6), st.ip_addresses(v=6)
)
bodies = st.binary(max_size=64)
options = st.integers(0, 10).flatmap(
    lambda words: st.binary(min_size=words * 4, max_size=words * 4)
)
segments = st.builds(Segment, numbers16, numbers16, numbers32, numbers32, octets, options)
datagrams = st.builds(Datagram, numbers16, numbers16, bodies)
inits = st.builds(
    Chunk, numbers16, numbers16, numbers32, st.sampled_from([sctp.INIT, sctp.INIT_ACK]), numbers32
)
aborts = st.builds(Chunk, numbers16, numbers16, numbers32, st.just(sctp.ABORT))
echoes = st.builds(Echo, numbers16, numbers16, st.booleans(), bodies)


@st.composite
def packets(draw: st.DrawFn) -> IPPacket:
    return IPPacket(*draw(ends), draw(octets), draw(bodies), draw(octets), draw(numbers16))


@given(packets(), st.binary(max_size=18))
def test_a_packet_survives_its_bytes_and_padding(packet: IPPacket, padding: bytes) -> None:
    assert ip.decode(ip.encode(packet) + padding) == packet


TUNNELS: list[Tunnel] = [IPIP_TUNNEL, (1, 5555, 0), (1, 5555, 1), (2, 0, 0), (2, 0, 1)]


@given(packets(), ends, st.sampled_from(TUNNELS))
def test_a_packet_survives_a_tunnel(
    packet: IPPacket, far: tuple[IPAddress, IPAddress], tunnel: Tunnel
) -> None:
    outer = ip.decode(ip.encode(encapsulation.encapsulate(packet, OuterHeader(*far, tunnel), OURS)))

    assert (outer.source, outer.destination) == far
    assert encapsulation.quoted_inner(outer) == packet


def test_gue_is_udp_with_four_bytes_before_the_packet() -> None:
    packet = IPPacket(DIP, VIP, ip.UDP, udp.encode(Datagram(1, 2), DIP, VIP))

    outer = encapsulation.encapsulate(packet, OuterHeader(DIP, RIP, (1, 5555, 0)), OURS)
    datagram = udp.decode(outer.payload)

    assert (outer.protocol, datagram.source_port, datagram.destination_port) == (17, OURS, 5555)
    assert datagram.data[:4] == bytes.fromhex("00040000")


def test_gre_with_a_checksum_is_right() -> None:
    packet = IPPacket(DIP, VIP, ip.UDP, udp.encode(Datagram(1, 2), DIP, VIP))

    plain = encapsulation.encapsulate(packet, OuterHeader(DIP, RIP, (2, 0, 0)))
    summed = encapsulation.encapsulate(packet, OuterHeader(DIP, RIP, (2, 0, 1)))

    assert plain.payload[:4] == bytes.fromhex("00000800")
    assert summed.payload[:4] == bytes.fromhex("80000800")
    assert ip.checksum(summed.payload) == 0


def test_our_own_datagrams_are_no_tunnel() -> None:
    assert encapsulation.quoted_inner(sent(probe("udp"))) is None


@given(packets(), st.data())
def test_a_packet_that_is_cut_off_is_refused_but_may_be_quoted(
    packet: IPPacket, data: st.DataObject
) -> None:
    whole = ip.encode(packet)
    header = len(whole) - len(packet.payload)
    cut = data.draw(st.integers(header, len(whole)))

    quoted = ip.quoted(whole[:cut])

    assert quoted.payload == packet.payload[: cut - header]
    if cut < len(whole):
        with pytest.raises(FrameError):
            ip.decode(whole[:cut])


@given(segments, ends)
def test_a_segment_survives_its_bytes(
    segment: Segment, between: tuple[IPAddress, IPAddress]
) -> None:
    data = tcp.encode(segment, *between)

    assert tcp.decode(data) == segment
    assert ip.checksum_of(*between, ip.TCP, data) == 0


@given(datagrams, ends)
def test_a_datagram_survives_its_bytes(
    datagram: Datagram, between: tuple[IPAddress, IPAddress]
) -> None:
    data = udp.encode(datagram, *between)

    assert udp.decode(data) == datagram
    assert ip.checksum_of(*between, ip.UDP, data) == 0


@given(inits | aborts)
def test_a_chunk_survives_its_bytes(chunk: Chunk) -> None:
    assert sctp.decode(sctp.encode(chunk)) == chunk


def test_the_checksum_of_sctp_is_that_of_its_standard() -> None:
    # RFC 3720, B.4, which has the same polynomial.
    assert sctp.crc32c(bytes(32)) == 0x8A9136AA
    assert sctp.crc32c(b"123456789") == 0xE3069283


@given(echoes, ends)
def test_an_echo_survives_its_bytes(echo: Echo, between: tuple[IPAddress, IPAddress]) -> None:
    assert icmp.decode(icmp.encode(echo, *between), *between) == echo


@pytest.mark.parametrize(
    ("source", "to", "kinds"), [(DIP, VIP, (8, 0)), (DIP6, VIP6, (128, 129))], ids=["4", "6"]
)
def test_an_echo_has_its_type_and_no_code(
    source: IPAddress, to: IPAddress, kinds: tuple[int, int]
) -> None:
    for kind, reply in zip(kinds, (False, True), strict=True):
        data = icmp.encode(Echo(5, 6, reply, b"hi"), source, to)

        assert data[:2] == bytes((kind, 0))
        assert data[4:] == bytes.fromhex("00050006") + b"hi"


@pytest.mark.parametrize(("source", "to"), [(VIP, DIP), (VIP6, DIP6)], ids=["4", "6"])
def test_an_error_quotes_after_four_bytes_that_say_nothing(
    source: IPAddress, to: IPAddress
) -> None:
    data = icmp.encode(Error(source.version, 3, 1, b"quoted"), source, to)

    assert (data[:2], data[4:]) == (bytes((3, 1)), bytes(4) + b"quoted")


def test_a_probe_is_a_syn_with_a_segment_size_and_nothing_acknowledged() -> None:
    segment = sent(probe("tcp")).payload

    assert segment[8:14] == bytes.fromhex("00000000 6002")
    assert segment[20:] == bytes.fromhex("020405b4")


@given(ends, bodies, st.integers(0, 15), st.data())
def test_an_error_survives_its_bytes(
    between: tuple[IPAddress, IPAddress], quote: bytes, code: int, data: st.DataObject
) -> None:
    version = between[0].version
    kinds = [3, 11, 12] if version == 4 else [1, 2, 3, 4]
    error = Error(version, data.draw(st.sampled_from(kinds)), code, quote)

    assert icmp.decode(icmp.encode(error, *between), *between) == error


@given(echoes, ends, st.data())
def test_icmp_with_a_wrong_bit_is_refused(
    echo: Echo, between: tuple[IPAddress, IPAddress], data: st.DataObject
) -> None:
    whole = bytearray(icmp.encode(echo, *between))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(FrameError):
        icmp.decode(bytes(whole), *between)


# Probes, and what answers them.

PORT, OURS, NUMBER = 80, 61500, 0xFFFFFFFF
MARK = Mark(OURS, 0x0001_2345_FFFF_FFFF)
OTHER = Mark(OURS, 0x0009_8765_FFFF_FFFF)


def probe(protocol: str, source: IPAddress = DIP, tunnel: OuterHeader | None = None) -> Probe:
    port = 0 if protocol == ECHO else PORT
    return Probe(protocol, source, VIP_OF[source], port, THEM, 1, tunnel)


def sent(asked: Probe) -> IPPacket:
    """Return the packet that carries a probe."""
    return ip.decode(probe_frame(asked, US, MARK)[14:])


def back(packet: IPPacket) -> bytes:
    """Return the frame in which a packet comes back to us."""
    ethertype = b"\x08\x00" if packet.source.version == 4 else b"\x86\xdd"
    mac = bytes.fromhex("020000000010020000000011")
    return mac + ethertype + ip.encode(packet)


def answered(asked: Probe, protocol: int, body: bytes) -> bytes:
    return back(IPPacket(asked.target, asked.source, protocol, body))


def quoting(asked: Probe, kind: int, code: int, quote: bytes) -> bytes:
    error = Error(asked.source.version, kind, code, quote)
    body = icmp.encode(error, RIP if asked.source.version == 4 else VIP6, asked.source)
    source = RIP if asked.source.version == 4 else VIP6
    return back(IPPacket(source, asked.source, icmp.protocol(source.version), body))


@pytest.mark.parametrize(
    ("options", "segment"),
    [
        ("020405b4", 1460),
        ("010103030702040598 0000", 1432),
        ("", None),
        ("0101", None),
        ("00020405b4000000", None),
        ("0300020405b40000", None),
        ("0209", None),
    ],
)
def test_the_longest_segment_is_read_out_of_an_answer(options: str, segment: int | None) -> None:
    asked = probe("tcp")
    padded = bytes.fromhex(options) + bytes(-len(bytes.fromhex(options)) % 4)
    answer = Segment(PORT, OURS, 7, NUMBER + 1 & 0xFFFFFFFF, tcp.SYN | tcp.ACK, padded)

    heard = decode_reply(answered(asked, ip.TCP, tcp.encode(answer, asked.target, asked.source)))

    assert heard.reply == ProbeReply("open", THEM, segment=segment)


@pytest.mark.parametrize("source", [DIP, DIP6])
@pytest.mark.parametrize(
    ("flags", "kind"), [(tcp.SYN | tcp.ACK, "open"), (tcp.RST | tcp.ACK, "closed")]
)
def test_an_answer_over_tcp_is_known_by_what_it_acknowledges(
    source: IPAddress, flags: int, kind: str
) -> None:
    asked = probe("tcp", source)
    segment = Segment(PORT, OURS, 7, NUMBER + 1 & 0xFFFFFFFF, flags)
    body = tcp.encode(segment, asked.target, asked.source)

    heard = decode_reply(answered(asked, ip.TCP, body))

    assert heard == HeardReply(asked.reply_key(MARK), ProbeReply(kind, THEM), source)
    assert heard.answers(asked, MARK)


def test_a_reset_takes_the_probes_own_way_and_next_number() -> None:
    asked = probe("tcp", tunnel=OuterHeader(DIP, RIP))

    outer = ip.decode(reset_frame(asked, US, MARK)[14:])
    inner = ip.decode(outer.payload)

    assert (outer.destination, inner.destination, inner.ttl) == (RIP, VIP, 1)
    assert tcp.decode(inner.payload) == Segment(OURS, PORT, 0, 0, tcp.RST)


def test_an_answer_over_udp_is_known_by_its_ports() -> None:
    asked = probe("udp")
    body = udp.encode(Datagram(PORT, OURS, b"hello"), asked.target, asked.source)

    heard = decode_reply(answered(asked, ip.UDP, body))

    assert heard == HeardReply(asked.reply_key(MARK), ProbeReply("open", THEM), DIP)
    assert heard.answers(asked, MARK)


@pytest.mark.parametrize(("port", "size"), [(53, 12), (123, 48)])
def test_a_service_that_is_asked_what_it_answers_repeats_the_secret(port: int, size: int) -> None:
    asked = replace(probe("udp"), port=port)
    question = udp.decode(sent(asked).payload).data
    repeated = question[:size] if port == 53 else bytes(24) + question[40:48] + bytes(16)
    body = udp.encode(Datagram(port, OURS, repeated), asked.target, asked.source)

    heard = decode_reply(answered(asked, ip.UDP, body))

    assert heard.answers(asked, MARK)
    assert not heard.answers(asked, OTHER)
    assert encapsulation.quoted_inner(sent(asked)) is None


@pytest.mark.parametrize(("kind", "said"), [(sctp.INIT_ACK, "open"), (sctp.ABORT, "closed")])
def test_an_answer_over_sctp_is_known_by_its_tag(kind: int, said: str) -> None:
    asked = probe("sctp")
    body = sctp.encode(Chunk(PORT, OURS, NUMBER, kind))

    heard = decode_reply(answered(asked, ip.SCTP, body))

    assert heard == HeardReply(asked.reply_key(MARK), ProbeReply(said, THEM), DIP)


@pytest.mark.parametrize("source", [DIP, DIP6])
def test_an_echo_reply_is_known_by_its_numbers(source: IPAddress) -> None:
    asked = probe(ECHO, source)
    number = MARK.number(ECHO)
    body = icmp.encode(Echo(OURS, number, True, MARK.cookie), asked.target, asked.source)

    heard = decode_reply(answered(asked, icmp.protocol(source.version), body))

    assert (heard.key, heard.reply) == (asked.reply_key(MARK), ProbeReply("open", THEM))
    assert heard.answers(asked, MARK)
    # The same 16 bits, and another secret.
    assert not heard.answers(asked, OTHER)


@pytest.mark.parametrize("source", [DIP, DIP6])
@pytest.mark.parametrize("protocol", ["tcp", "udp", "sctp", ECHO])
@pytest.mark.parametrize("tunnel", [None, *TUNNELS])
@pytest.mark.parametrize("reason", ["port", "unreachable", "prohibited", "expired", "protocol"])
def test_an_error_is_known_by_what_it_quotes(
    source: IPAddress, protocol: str, tunnel: Tunnel | None, reason: str
) -> None:
    codes = {
        4: {"port": (3, 3), "unreachable": (3, 1), "prohibited": (3, 13)},
        6: {"port": (1, 4), "unreachable": (1, 0), "prohibited": (1, 1)},
    }
    codes[4] |= {"expired": (11, 0), "protocol": (3, 2)}
    codes[6] |= {"expired": (3, 0), "protocol": (4, 1)}
    far: IPAddress = RIP if source.version == 4 else VIP6
    asked = probe(protocol, source, tunnel and OuterHeader(source, far, tunnel))
    quote = ip.encode(sent(asked))

    heard = decode_reply(quoting(asked, *codes[source.version][reason], quote))

    assert heard.key == asked.reply_key(MARK)
    assert heard.reply == ProbeReply(reason, THEM, outer=tunnel is not None)
    assert heard.answers(asked, MARK)
    # Of UDP the label is all that tells one that was guessed.
    assert not heard.answers(asked, OTHER)
    assert not heard.answers(replace(asked, source=VIP_OF[source]), MARK)


def test_an_error_that_quotes_eight_bytes_is_understood() -> None:
    asked = probe("tcp")

    heard = decode_reply(quoting(asked, 11, 0, ip.encode(sent(asked))[:28]))

    assert heard.key == asked.reply_key(MARK)


@pytest.mark.parametrize(
    "strange",
    [
        lambda asked: back(sent(asked)),
        lambda asked: quoting(asked, 3, 3, b""),
        lambda asked: quoting(asked, 3, 3, ip.encode(sent(asked))[:27]),
        lambda asked: answered(asked, 89, b"ospf"),
        lambda asked: answered(asked, ip.TCP, b""),
        lambda asked: b"",
    ],
    ids=["our own probe", "no quote", "a short quote", "a protocol", "nothing", "no frame"],
)
def test_what_answers_no_probe_is_refused(strange: Callable[[Probe], bytes]) -> None:
    with pytest.raises(FrameError):
        decode_reply(strange(probe("tcp")))


def test_no_frame_whatever_breaks_the_reading() -> None:
    chance = random.Random(4)

    for _ in range(20_000):
        one(hostile(chance))
