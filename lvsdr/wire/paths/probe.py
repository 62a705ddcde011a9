"""One probe: the frame that carries it, and what a received frame answers to which probe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from lvsdr.model.address import IPAddress
from lvsdr.wire.frames import encapsulation, ethernet, icmp, ip, sctp, tcp, udp
from lvsdr.wire.frames.encapsulation import OuterHeader
from lvsdr.wire.frames.ethernet import Frame, FrameError
from lvsdr.wire.frames.ip import ICMP, ICMPV6, SCTP, TCP, UDP, IPPacket

ECHO = "echo"
PROTOCOLS = {"tcp": TCP, "udp": UDP, "sctp": SCTP}

ReplyKey = tuple[str, int, IPAddress, int, int]
"""What a reply is matched by: protocol, our port, the target, its port, and our number."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The question whether `target` serves `port`, sent to the next hop at `mac`.

    `protocol` is tcp, udp, sctp or echo, which has no port. With `tunnel` it is encapsulated.
    """

    protocol: str
    source: IPAddress
    target: IPAddress
    port: int
    mac: str
    ttl: int
    tunnel: OuterHeader | None = None

    def reply_key(self, ours: int, number: int) -> ReplyKey:
        """Return the key by which a reply is matched; UDP has no room for a number."""
        return self.protocol, ours, self.target, self.port, 0 if self.protocol == "udp" else number


@dataclass(frozen=True, slots=True)
class ProbeReply:
    """What came back, in `kind`: open, closed, or the reason of an ICMP error.

    `outer` is True for an error about the tunnel packet, not about the packet
    inside. An open TCP connection has to be reset; `segment` is the maximum
    segment size that its host announced.
    """

    kind: str
    mac: str
    outer: bool = False
    segment: int | None = None


def probe_frame(probe: Probe, mac: str, ours: int, number: int) -> bytes:
    """Return the frame of `probe` from `mac`; the reply will have the key of `ours`, `number`."""
    ends = probe.source, probe.target
    if probe.protocol == "tcp":
        segment = tcp.Segment(ours, probe.port, number, 0, tcp.SYN, tcp.MAXIMUM_SEGMENT)
        body = tcp.encode(segment, *ends)
    elif probe.protocol == "udp":
        body = udp.encode(udp.Datagram(ours, probe.port), *ends)
    elif probe.protocol == "sctp":
        body = sctp.encode(sctp.Chunk(ours, probe.port, 0, sctp.INIT, number))
    else:
        body = icmp.encode(icmp.Echo(ours, number), *ends)
    return _in_frame(probe, mac, body, ours)


def reset_frame(probe: Probe, mac: str, ours: int, number: int) -> bytes:
    """Return the frame that resets the connection that a TCP probe may have opened.

    It takes the same path as the probe, so that it reaches the same host.
    """
    segment = tcp.Segment(ours, probe.port, number + 1 & 0xFFFFFFFF, 0, tcp.RST)
    return _in_frame(probe, mac, tcp.encode(segment, probe.source, probe.target), ours)


def decode_reply(data: bytes) -> tuple[ReplyKey, ProbeReply]:
    """Return the key of the probe that a frame answers, and the reply, or raise FrameError."""
    received = ethernet.decode(data)
    packet = ip.decode(received.payload)
    if packet.protocol not in (ICMP, ICMPV6):
        key, kind = _READERS[_protocol(packet)](packet)
        return key, ProbeReply(kind, received.source, segment=_segment(packet))
    message = icmp.decode(packet.payload, packet.source, packet.destination)
    if isinstance(message, icmp.Echo):
        if not message.reply:
            raise FrameError("an echo request answers nothing")
        key = (ECHO, message.identifier, packet.source, 0, message.sequence)
        return key, ProbeReply("open", received.source)
    key, outer = _quoted_probe(message.quote)
    return key, ProbeReply(message.reason, received.source, outer)


def _in_frame(probe: Probe, mac: str, body: bytes, ours: int) -> bytes:
    protocol = PROTOCOLS.get(probe.protocol) or icmp.protocol(probe.target.version)
    packet = IPPacket(probe.source, probe.target, protocol, body, probe.ttl)
    if probe.tunnel is not None:
        packet = encapsulation.encapsulate(packet, probe.tunnel, ours)
    ethertype = ethernet.IPV6 if packet.source.version == 6 else ethernet.IPV4
    return _header(probe.mac, mac, ethertype) + ip.encode(packet)


@lru_cache(maxsize=1024)
def _header(destination: str, source: str, ethertype: int) -> bytes:
    return ethernet.encode(Frame(destination, source, ethertype, b""))


def _protocol(packet: IPPacket) -> int:
    if packet.protocol not in _READERS:
        raise FrameError(f"protocol {packet.protocol} answers no probe")
    return packet.protocol


def _tcp(packet: IPPacket) -> tuple[ReplyKey, str]:
    found = tcp.decode(packet.payload)
    number = found.acknowledgment - 1 & 0xFFFFFFFF
    key = ("tcp", found.destination_port, packet.source, found.source_port, number)
    kinds = {tcp.SYN | tcp.ACK: "open", tcp.RST | tcp.ACK: "closed"}
    kind = kinds.get(found.flags & (tcp.SYN | tcp.RST | tcp.ACK))
    if kind is None:
        raise FrameError("neither accepts a connection nor refuses it")
    return key, kind


def _segment(packet: IPPacket) -> int | None:
    return tcp.maximum_segment(tcp.decode(packet.payload)) if packet.protocol == TCP else None


def _udp(packet: IPPacket) -> tuple[ReplyKey, str]:
    found = udp.decode(packet.payload)
    return ("udp", found.destination_port, packet.source, found.source_port, 0), "open"


def _sctp(packet: IPPacket) -> tuple[ReplyKey, str]:
    found = sctp.decode(packet.payload)
    kind = {sctp.INIT_ACK: "open", sctp.ABORT: "closed"}.get(found.kind)
    if kind is None:
        raise FrameError("neither accepts an association nor refuses it")
    return ("sctp", found.destination_port, packet.source, found.source_port, found.tag), kind


_READERS = {TCP: _tcp, UDP: _udp, SCTP: _sctp}


def _quoted_probe(quote: bytes) -> tuple[ReplyKey, bool]:
    """Return the key of the probe that an ICMP error quotes, and whether it quotes a tunnel."""
    packet = ip.quoted(quote)
    inner = encapsulation.quoted_inner(packet)
    outer, packet = inner is not None, inner or packet
    body = packet.payload
    names = {number: name for name, number in PROTOCOLS.items()}
    name = names.get(packet.protocol, ECHO)
    # Eight bytes are all that a router has to quote; of SCTP they do not hold our number.
    if len(body) < (20 if name == "sctp" else 8):
        raise FrameError("quotes too little")
    ours, port, after = (int.from_bytes(body[at:to]) for at, to in ((0, 2), (2, 4), (4, 8)))
    if name == ECHO:
        return (ECHO, after >> 16, packet.destination, 0, after & 0xFFFF), outer
    number = {"tcp": after, "udp": 0}.get(name, int.from_bytes(body[16:20]))
    return (name, ours, packet.destination, port, number), outer
