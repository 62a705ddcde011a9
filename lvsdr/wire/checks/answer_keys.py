"""Frames that answer: the key of the question that each answers, without decoding it where it can.

The offsets are those of packets without options, which is what hosts send.
"""

from __future__ import annotations

from collections.abc import Callable

from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.frames.ethernet import FrameError
from lvsdr.wire.frames.ip import ICMP, ICMPV6, SCTP, TCP, UDP
from lvsdr.wire.paths.probe import ECHO, HeardReply, decode_reply

_MAC, _IPV4, _IPV6 = slice(6, 12), 14 + 20, 14 + 40
_PLAIN = 0x45
# By protocol: how long the least answer is.
_LEAST = {TCP: 20, UDP: 8, SCTP: 16, ICMP: 16, ICMPV6: 16}
_SYN_RST_ACK = 0x16
_INIT_ACK, _ABORT = 2, 6
_ECHO_REPLY = {ICMP: 0, ICMPV6: 129}
OPEN, CLOSED, STALE = "open", "closed", "stale"
_FLAGS = {0x12: OPEN, 0x14: CLOSED, 0x10: STALE}


@dataclass(slots=True, eq=False)
class Heard:
    """What a frame answers: the key of the question, and what it says, as a ProbeReply does.

    It is STALE where a host has a connection half open from the same port, by another number.
    `data` is that of a datagram, `label` that of a quoted packet; `outer` where a tunnel packet was
    quoted.
    """

    key: bytes
    kind: str
    mac: bytes
    data: bytes = b""
    label: int | None = None
    outer: bool = False


def heard(frame: bytes) -> Heard | None:
    """Return what a frame answers, None where it answers nothing."""
    if len(frame) < _IPV4:
        return None
    if frame[12] == 8:
        if frame[14] != _PLAIN:
            return decoded(frame)
        protocol, ends, at = frame[23], frame[26:34], _IPV4
    else:
        protocol, ends, at = frame[20], frame[22:54], _IPV6
    if len(frame) < at + _LEAST.get(protocol, 1):
        return None
    reader = _READERS.get(protocol)
    if reader is not None:
        return reader(frame, ends, at)
    if frame[at] != _ECHO_REPLY.get(protocol):
        return decoded(frame)
    return Heard(ends + frame[at + 4 : at + 16], OPEN, frame[_MAC])


def _tcp(frame: bytes, ends: bytes, at: int) -> Heard | None:
    kind = _FLAGS.get(frame[at + 13] & _SYN_RST_ACK)
    if kind is None:
        return None
    return Heard(ends + frame[at : at + 4] + frame[at + 8 : at + 12], kind, frame[_MAC])


def _udp(frame: bytes, ends: bytes, at: int) -> Heard:
    length = int.from_bytes(frame[at + 4 : at + 6])
    key = ends + frame[at : at + 4] + frame[_MAC]
    return Heard(key, OPEN, frame[_MAC], frame[at + 8 : at + length])


def _sctp(frame: bytes, ends: bytes, at: int) -> Heard | None:
    kind = {_INIT_ACK: OPEN, _ABORT: CLOSED}.get(frame[at + 12])
    return None if kind is None else Heard(ends + frame[at : at + 8], kind, frame[_MAC])


_READERS: dict[int, Callable[[bytes, bytes, int], Heard | None]]
_READERS = {TCP: _tcp, UDP: _udp, SCTP: _sctp}


def decoded(frame: bytes) -> Heard | None:
    """Return the same of any frame: of errors, and of packets with options."""
    try:
        reply = decode_reply(frame)
    except FrameError:
        return None
    key, said = _key(reply, frame[_MAC]), reply.reply
    if key is None or (reply.key[0] == "udp" and said.kind == OPEN):
        # No host sends datagrams with options.
        return None
    return Heard(key, said.kind, frame[_MAC], label=reply.label, outer=said.outer)


def _key(reply: HeardReply, mac: bytes) -> bytes | None:
    name, ours, target, port, number = reply.key
    ends = target.packed + reply.asker.packed
    if name == ECHO:
        # Whoever quotes less than that does not show that he has got the question.
        ident = ours.to_bytes(2) + number.to_bytes(2)
        return None if reply.cookie is None else ends + ident + reply.cookie
    ports = port.to_bytes(2) + ours.to_bytes(2)
    if name == "tcp":
        return ends + ports + (number + 1 & 0xFFFFFFFF).to_bytes(4)
    return ends + ports + (mac if name == "udp" else number.to_bytes(4))
