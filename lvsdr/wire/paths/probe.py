"""One probe: the frame that carries it, and what a received frame answers to which probe."""

from __future__ import annotations

from functools import lru_cache

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.frames import encapsulation, ethernet, icmp, ip, sctp, tcp, udp
from lvsdr.wire.frames.encapsulation import OuterHeader
from lvsdr.wire.frames.ethernet import Frame, FrameError
from lvsdr.wire.frames.ip import ICMP, ICMPV6, SCTP, TCP, UDP, IPPacket
from lvsdr.wire.paths import udp_questions

ECHO = "echo"
PROTOCOLS = {"tcp": TCP, "udp": UDP, "sctp": SCTP}

ReplyKey = tuple[str, int, IPAddress, int, int]
"""What a reply is matched by: protocol, our port, the target, its port, and our number."""
_Read = tuple[ReplyKey, str, bytes | None]
"""The key of an answer, whether it is open or closed, and the secret that it repeats, if any."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What only the host that a probe was sent to can know: our port, and a `secret` of 64 bits."""

    ours: int
    secret: int

    def number(self, protocol: str) -> int:
        """Return the number that a reply has to carry; UDP has no room for one, an echo little."""
        return self.secret & {"udp": 0, ECHO: 0xFFFF}.get(protocol, 0xFFFFFFFF)

    def label(self, version: int) -> int:
        """Return the label of the packet, which an error has to quote."""
        return self.secret >> 32 & (0xFFFF if version == 4 else 0xFFFFF)

    @property
    def cookie(self) -> bytes:
        """Return what an echo has to bring back."""
        return self.secret.to_bytes(8)


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

    def reply_key(self, mark: Mark) -> ReplyKey:
        """Return the key by which a reply is matched."""
        return self.protocol, mark.ours, self.target, self.port, mark.number(self.protocol)


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


@dataclass(frozen=True, slots=True)
class HeardReply:
    """A reply as it came: its key, the address that was the probe's source, and what it repeats.

    `label` is that of the quoted packet, `cookie` the secret inside of it; None where such a reply
    repeats none.
    """

    key: ReplyKey
    reply: ProbeReply
    asker: IPAddress
    label: int | None = None
    cookie: bytes | None = None

    def answers(self, probe: Probe, mark: Mark) -> bool:
        """Return whether it repeats all that it can know of `probe` alone."""
        cookie = mark.cookie if probe.protocol == ECHO else udp_questions.expected(probe.port, mark)
        return (
            self.asker == probe.source
            and self.label in (None, mark.label(probe.target.version))
            and self.cookie in (None, cookie)
        )


def probe_frame(probe: Probe, mac: str, mark: Mark) -> bytes:
    """Return the frame of `probe` from `mac`; the reply will have the key of `mark`."""
    return frame_of(probe, mac, probe_body(probe, mark), mark)


def probe_body(probe: Probe, mark: Mark) -> bytes:
    """Return what the packet of `probe` carries: its header of TCP, UDP, SCTP or ICMP, and data."""
    ends, number = (probe.source, probe.target), mark.number(probe.protocol)
    if probe.protocol == "tcp":
        segment = tcp.Segment(mark.ours, probe.port, number, 0, tcp.SYN, tcp.MAXIMUM_SEGMENT)
        return tcp.encode(segment, *ends)
    if probe.protocol == "udp":
        question = udp_questions.question(probe.port, mark)
        return udp.encode(udp.Datagram(mark.ours, probe.port, question), *ends)
    if probe.protocol == "sctp":
        return sctp.encode(sctp.Chunk(mark.ours, probe.port, 0, sctp.INIT, number))
    return icmp.encode(icmp.Echo(mark.ours, number, data=mark.cookie), *ends)


def reset_frame(probe: Probe, mac: str, mark: Mark, flags: int = tcp.RST) -> bytes:
    """Return the frame that resets the connection that a TCP probe may have opened.

    It takes the same path as the probe, so that it reaches the same host. With other `flags` it is
    the segment of that connection which has them.
    """
    number = mark.number(probe.protocol) + 1 & 0xFFFFFFFF
    segment = tcp.Segment(mark.ours, probe.port, number, 0, flags)
    return frame_of(probe, mac, tcp.encode(segment, probe.source, probe.target), mark)


def decode_reply(data: bytes) -> HeardReply:
    """Return what a frame answers to which probe, or raise FrameError."""
    received = ethernet.decode(data)
    packet = ip.decode(received.payload)
    if packet.protocol not in (ICMP, ICMPV6):
        key, kind, cookie = _READERS[_protocol(packet)](packet)
        reply = ProbeReply(kind, received.source, segment=_segment(packet))
        return HeardReply(key, reply, packet.destination, cookie=cookie)
    message = icmp.decode(packet.payload, packet.source, packet.destination)
    if isinstance(message, icmp.Echo):
        if not message.reply:
            raise FrameError("an echo request answers nothing")
        key = (ECHO, message.identifier, packet.source, 0, message.sequence)
        reply = ProbeReply("open", received.source)
        return HeardReply(key, reply, packet.destination, cookie=message.data)
    return _quoted_probe(message, received.source)


def frame_of(probe: Probe, mac: str, body: bytes, mark: Mark) -> bytes:
    """Return the frame that carries `body` from `mac` along the path of `probe`."""
    version = probe.target.version
    protocol = PROTOCOLS.get(probe.protocol) or icmp.protocol(version)
    ends = probe.source, probe.target
    packet = IPPacket(*ends, protocol, body, probe.ttl, mark.label(version))
    if probe.tunnel is not None:
        packet = encapsulation.encapsulate(packet, probe.tunnel, mark.ours)
    ethertype = ethernet.IPV6 if packet.source.version == 6 else ethernet.IPV4
    return _header(probe.mac, mac, ethertype) + ip.encode(packet)


@lru_cache(maxsize=1024)
def _header(destination: str, source: str, ethertype: int) -> bytes:
    return ethernet.encode(Frame(destination, source, ethertype, b""))


def _protocol(packet: IPPacket) -> int:
    if packet.protocol not in _READERS:
        raise FrameError(f"protocol {packet.protocol} answers no probe")
    return packet.protocol


def _tcp(packet: IPPacket) -> _Read:
    found = tcp.decode(packet.payload)
    number = found.acknowledgment - 1 & 0xFFFFFFFF
    key = ("tcp", found.destination_port, packet.source, found.source_port, number)
    kinds = {tcp.SYN | tcp.ACK: "open", tcp.RST | tcp.ACK: "closed"}
    kind = kinds.get(found.flags & (tcp.SYN | tcp.RST | tcp.ACK))
    if kind is None:
        raise FrameError("neither accepts a connection nor refuses it")
    return key, kind, None


def _segment(packet: IPPacket) -> int | None:
    return tcp.maximum_segment(tcp.decode(packet.payload)) if packet.protocol == TCP else None


def _udp(packet: IPPacket) -> _Read:
    found = udp.decode(packet.payload)
    cookie = udp_questions.repeated(found.source_port, found.data)
    return ("udp", found.destination_port, packet.source, found.source_port, 0), "open", cookie


def _sctp(packet: IPPacket) -> _Read:
    found = sctp.decode(packet.payload)
    kind = {sctp.INIT_ACK: "open", sctp.ABORT: "closed"}.get(found.kind)
    if kind is None:
        raise FrameError("neither accepts an association nor refuses it")
    key = ("sctp", found.destination_port, packet.source, found.source_port, found.tag)
    return key, kind, None


_READERS = {TCP: _tcp, UDP: _udp, SCTP: _sctp}


def _quoted_probe(error: icmp.Error, mac: str) -> HeardReply:
    """Return the reply that an ICMP error is to the probe that it quotes."""
    packet = ip.quoted(error.quote)
    inner = encapsulation.quoted_inner(packet)
    outer, packet = inner is not None, inner or packet
    body, cookie = packet.payload, None
    names = {number: name for name, number in PROTOCOLS.items()}
    name = names.get(packet.protocol, ECHO)
    # Eight bytes are all that a router has to quote; of SCTP they do not hold our number.
    if len(body) < (20 if name == "sctp" else 8):
        raise FrameError("quotes too little")
    ours, port, after = (int.from_bytes(body[at:to]) for at, to in ((0, 2), (2, 4), (4, 8)))
    if name == ECHO:
        key = (ECHO, after >> 16, packet.destination, 0, after & 0xFFFF)
        cookie = body[8:16] if len(body) >= 16 else None
    else:
        number = {"tcp": after, "udp": 0}.get(name, int.from_bytes(body[16:20]))
        key = (name, ours, packet.destination, port, number)
    reply = ProbeReply(error.reason, mac, outer)
    return HeardReply(key, reply, packet.source, packet.label, cookie)
