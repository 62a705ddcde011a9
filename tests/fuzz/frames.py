"""Frames that may answer a path probe, and mutations of them: any bytes are read, or FrameError."""

from __future__ import annotations

import random
from ipaddress import ip_address

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs_tunnel import IPIP_TUNNEL, Tunnel
from lvsdr.wire.frames import encapsulation, icmp, ip, sctp, tcp, udp
from lvsdr.wire.frames.encapsulation import OuterHeader
from lvsdr.wire.frames.ethernet import FrameError
from lvsdr.wire.frames.ip import IPPacket
from lvsdr.wire.paths.probe import decode_reply

ENDS = (
    (ip_address("192.0.2.2"), ip_address("192.0.2.10")),
    (ip_address("2001:db8::2"), ip_address("2001:db8::10")),
)


def one(data: bytes) -> None:
    """Read a frame; what is no answer is a FrameError and nothing else."""
    try:
        heard = decode_reply(data)
    except FrameError:
        return
    assert len(heard.key) == 5
    assert heard.reply.kind


def mutated(frame: bytes, chance: random.Random) -> bytes:
    """Return `frame` with some bytes changed, cut off, or put in."""
    data = bytearray(frame)
    for _ in range(chance.randint(0, 4)):
        place = chance.randrange(len(data) + 1)
        what = chance.random()
        if what < 0.6 and place < len(data):
            data[place] = chance.choice((0, 1, 0x45, 0x7F, 0xFF, chance.randrange(256)))
        elif what < 0.8:
            del data[place : place + chance.randint(1, 40)]
        else:
            data[place:place] = chance.randbytes(chance.randint(1, 8))
    return bytes(data)


def hostile(chance: random.Random) -> bytes:
    """Return a mutated frame, or one with right checksums over what has been mutated."""
    frame = chance.choice(FRAMES)
    if chance.random() < 0.4:
        return mutated(frame, chance)
    packet = ip.decode(frame[14:])
    ends = packet.source, packet.destination
    if packet.protocol in (ip.ICMP, ip.ICMPV6) and chance.random() < 0.8:
        message = icmp.decode(packet.payload, *ends)
        if isinstance(message, icmp.Error):
            quote = mutated(message.quote, chance)
            error = icmp.Error(message.version, message.kind, message.code, quote)
            packet = IPPacket(*ends, packet.protocol, icmp.encode(error, *ends))
    else:
        packet = IPPacket(*ends, packet.protocol, mutated(packet.payload, chance))
    return frame[:14] + ip.encode(packet)


def _frames(source: IPAddress, destination: IPAddress) -> list[bytes]:
    ends = source, destination
    segment = tcp.Segment(80, 61500, 1, 2, tcp.SYN | tcp.ACK, tcp.MAXIMUM_SEGMENT)
    echo = icmp.Echo(61500, 7, reply=True)
    asked = IPPacket(destination, source, ip.TCP, tcp.encode(segment, destination, source), ttl=1)
    kinds: list[Tunnel] = [IPIP_TUNNEL, (1, 5555, 1), (2, 0, 0), (2, 0, 1)]
    far = [OuterHeader(destination, source, kind) for kind in kinds]
    tunnelled = [encapsulation.encapsulate(asked, outside, 61500) for outside in far]
    version = source.version
    errors = [
        icmp.Error(version, kind, code, ip.encode(quote))
        for kind in ((3, 11) if version == 4 else (1, 3, 4))
        for code in range(4)
        for quote in (asked, *tunnelled)
    ]
    bodies = [
        (ip.TCP, tcp.encode(segment, *ends)),
        (ip.UDP, udp.encode(udp.Datagram(53, 61500, b"x"), *ends)),
        (ip.SCTP, sctp.encode(sctp.Chunk(80, 61500, 9, sctp.INIT_ACK, 8))),
        (icmp.protocol(version), icmp.encode(echo, *ends)),
        *((icmp.protocol(version), icmp.encode(each, *ends)) for each in errors),
    ]
    ethertype = b"\x08\x00" if version == 4 else b"\x86\xdd"
    return [
        bytes(12) + ethertype + ip.encode(IPPacket(*ends, protocol, body))
        for protocol, body in bodies
    ]


FRAMES = [frame for ends in ENDS for frame in _frames(*ends)]
