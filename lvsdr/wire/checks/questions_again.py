"""Questions that are asked again and again: made once, and only what is random is put in anew.

Each answer has a key, by which it is looked up: the bytes of it that nobody can know who has not
got the question. A frame begins with the MAC address of the next hop, which may change.
"""

from __future__ import annotations

import struct
from typing import Protocol

from lvsdr.wire.frames import icmp, sctp, tcp, udp
from lvsdr.wire.paths import udp_questions
from lvsdr.wire.paths.probe import ECHO, Mark, Probe, frame_of

_MAC = 6
# The number of bytes of the random part of a question.
SECRET = 8
# A maximum segment size (kind 2, length 4) that fits into IPv6's least MTU (RFC 8200, 5).
SMALL_SEGMENT = struct.pack("!BBH", 2, 4, 1220)
_WORDS = struct.Struct("!4H")


class Question(Protocol):
    """What is asked, again and again."""

    def ask(self, mac: bytes, port: bytes, secret: bytes) -> tuple[bytes, bytes]:
        """Return the frame to `mac` from one of our ports, and the key of its answer."""
        ...


def question(probe: Probe, mac: str, label: Mark, payload: bytes | None = None) -> Question:
    """Return the question of a probe from our `mac`; `payload` is a datagram's own data."""
    if probe.protocol == "tcp":
        return ConnectionQuestion(probe, mac, label)
    if probe.protocol == "udp":
        return DatagramQuestion(probe, mac, label, payload)
    if probe.protocol == ECHO:
        return EchoQuestion(probe, mac, label)
    return AssociationQuestion(probe, mac, label)


# What is the same in the frames of many paths, kept once.
_PIECES: dict[bytes, bytes] = {}


def _shared(piece: bytes) -> bytes:
    return _PIECES.setdefault(piece, piece)


class ConnectionQuestion:
    """The first segment of a TCP connection."""

    __slots__ = ("_base", "_head", "_key", "_middle", "_port", "_tail")

    def __init__(
        self, probe: Probe, mac: str, label: Mark, options: bytes = tcp.MAXIMUM_SEGMENT
    ) -> None:
        segment = tcp.Segment(0, probe.port, 0, 0, tcp.SYN, options)
        body = tcp.encode(segment, probe.source, probe.target)
        # What a tunnel's checksum covers has a right one inside, and so always the same sum.
        self._head = frame_of(probe, mac, body, label)[_MAC : -len(body)]
        self._base = 0xFFFF - int.from_bytes(body[16:18])
        self._port, self._middle, self._tail = map(_shared, (body[2:4], body[8:16], body[18:]))
        self._key = _ends(probe) + self._port

    def ask(self, mac: bytes, port: bytes, secret: bytes) -> tuple[bytes, bytes]:
        number = int.from_bytes(secret[:4])
        total = self._base + int.from_bytes(port) + (number >> 16) + (number & 0xFFFF)
        filled = (0xFFFF - total % 0xFFFF).to_bytes(2)
        pieces = mac, self._head, port, self._port, secret[:4], self._middle, filled, self._tail
        return b"".join(pieces), self._key + port + (number + 1 & 0xFFFFFFFF).to_bytes(4)


class Reset:
    """The segment that closes what a ConnectionQuestion has opened."""

    __slots__ = ("_base", "_head", "_middle", "_port", "_tail")

    def __init__(self, probe: Probe, mac: str, label: Mark) -> None:
        segment = tcp.Segment(0, probe.port, 0, 0, tcp.RST)
        body = tcp.encode(segment, probe.source, probe.target)
        self._head = frame_of(probe, mac, body, label)[_MAC : -len(body)]
        self._base = 0xFFFF - int.from_bytes(body[16:18])
        self._port, self._middle, self._tail = map(_shared, (body[2:4], body[8:16], body[18:]))

    def frame(self, mac: bytes, port: bytes, number: bytes) -> bytes:
        """Return the frame; `number` is what the other side has acknowledged."""
        high, low = int.from_bytes(number[:2]), int.from_bytes(number[2:])
        total = self._base + int.from_bytes(port) + high + low
        filled = (0xFFFF - total % 0xFFFF).to_bytes(2)
        pieces = mac, self._head, port, self._port, number, self._middle, filled, self._tail
        return b"".join(pieces)


class DatagramQuestion:
    """A datagram: an answer has no number in it, so its key has the MAC address that it is from.

    What a known protocol repeats is asked for anew each time; see `cookie`.
    """

    __slots__ = ("_base", "_head", "_key", "_middle", "_number", "_port", "_tail")

    def __init__(self, probe: Probe, mac: str, label: Mark, payload: bytes | None) -> None:
        nothing = Mark(0, 0)
        known = b"" if payload is not None else udp_questions.expected(probe.port, nothing)
        data = udp_questions.question(probe.port, nothing) if payload is None else payload
        # The secret stands alone where the question has the zeros of none.
        at = data.rindex(known) if known else 0
        blank = data[:at] + bytes(len(known)) + data[at + len(known) :]
        datagram = udp.Datagram(0, probe.port, blank)
        body = udp.encode(datagram, probe.source, probe.target)
        self._head = frame_of(probe, mac, body, label)[_MAC : -len(body)]
        self._base = 0xFFFF - int.from_bytes(body[6:8])
        self._port, self._middle = body[2:6], body[8 : 8 + at]
        self._tail, self._number = body[8 + at + len(known) :], probe.port if known else 0
        self._key = _ends(probe) + self._port[:2]

    def cookie(self, secret: bytes) -> bytes:
        """Return what the answer has to repeat; empty where it is to repeat nothing."""
        if not self._number:
            return b""
        return udp_questions.expected(self._number, Mark(0, int.from_bytes(secret)))

    def ask(self, mac: bytes, port: bytes, secret: bytes) -> tuple[bytes, bytes]:
        cookie = self.cookie(secret)
        total = self._base + int.from_bytes(port) + _sum(cookie)
        # 0 stands for none, and the remainder is never that much.
        filled = (0xFFFF - total % 0xFFFF).to_bytes(2)
        pieces = mac, self._head, port, self._port, filled, self._middle, cookie, self._tail
        return b"".join(pieces), self._key + port + mac


class EchoQuestion:
    """An echo request, which is given back whole."""

    __slots__ = ("_base", "_head", "_key", "_kind")

    def __init__(self, probe: Probe, mac: str, label: Mark) -> None:
        blank = icmp.Echo(0, 0, data=bytes(SECRET))
        body = icmp.encode(blank, probe.source, probe.target)
        self._head = frame_of(probe, mac, body, label)[_MAC : -len(body)]
        self._base = 0xFFFF - int.from_bytes(body[2:4])
        self._kind, self._key = body[:2], _ends(probe)

    def ask(self, mac: bytes, port: bytes, secret: bytes) -> tuple[bytes, bytes]:
        number = secret[:2]
        total = self._base + int.from_bytes(port) + int.from_bytes(number) + _sum(secret)
        filled = (0xFFFF - total % 0xFFFF).to_bytes(2)
        given_back = port + number + secret
        return mac + self._head + self._kind + filled + given_back, self._key + given_back


class AssociationQuestion:
    """The first chunk of an SCTP association; its checksum is a CRC, made anew each time."""

    __slots__ = ("_key", "_label", "_mac", "_probe")

    def __init__(self, probe: Probe, mac: str, label: Mark) -> None:
        self._probe, self._mac, self._label = probe, mac, label
        self._key = _ends(probe) + probe.port.to_bytes(2)

    def ask(self, mac: bytes, port: bytes, secret: bytes) -> tuple[bytes, bytes]:
        # A tag of 0 is refused (RFC 9260, 3.3.2).
        tag = int.from_bytes(secret[:4]) | 1
        chunk = sctp.Chunk(int.from_bytes(port), self._probe.port, 0, sctp.INIT, tag)
        frame = frame_of(self._probe, self._mac, sctp.encode(chunk), self._label)
        return mac + frame[_MAC:], self._key + port + tag.to_bytes(4)


def _ends(probe: Probe) -> bytes:
    """Return the addresses as an answer has them."""
    return probe.target.packed + probe.source.packed


def _sum(data: bytes) -> int:
    """Return the sum of the 16-bit words of nothing, of two bytes, or of eight."""
    return sum(_WORDS.unpack(data)) if len(data) == _WORDS.size else int.from_bytes(data)
