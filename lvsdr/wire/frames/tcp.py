"""TCP segments (RFC 9293), as far as asking whether somebody listens needs them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lvsdr.model.address import IPAddress
from lvsdr.wire.frames.ethernet import FrameError
from lvsdr.wire.frames.ip import TCP, checksum_of

SYN, RST, ACK = 0x02, 0x04, 0x10
WINDOW = 65535
# Some firewalls drop a SYN without this option (kind 2, length 4), as no real client sends one.
MAXIMUM_SEGMENT = struct.pack("!BBH", 2, 4, 1460)
_END, _NOTHING = 0, 1

_HEADER = struct.Struct("!HHIIBBHHH")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment without data; `options` is padded to a multiple of four."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int
    options: bytes = b""


def encode(segment: Segment, source: IPAddress, destination: IPAddress) -> bytes:
    """Return the bytes of `segment`, with the checksum for its way between the two ends."""
    start = (
        *(segment.source_port, segment.destination_port),
        *(segment.sequence, segment.acknowledgment),
        *((_HEADER.size + len(segment.options)) << 2, segment.flags, WINDOW),
    )
    blank = _HEADER.pack(*start, 0, 0) + segment.options
    return _HEADER.pack(*start, checksum_of(source, destination, TCP, blank), 0) + segment.options


def decode(data: bytes) -> Segment:
    """Return the segment in `data`, or raise FrameError.

    The checksum is not looked at: between hosts of one machine nobody fills
    it in, and the packet socket sees the segment as it is.
    """
    if len(data) < _HEADER.size:
        raise FrameError(f"{len(data)} bytes are too few for TCP")
    source, destination, sequence, acknowledgment, offset, flags, *_ = _HEADER.unpack_from(data)
    length = (offset >> 4) * 4
    if not _HEADER.size <= length <= len(data):
        raise FrameError("the length of the TCP header is wrong")
    options = data[_HEADER.size : length]
    return Segment(source, destination, sequence, acknowledgment, flags, options)


def maximum_segment(segment: Segment) -> int | None:
    """Return the longest segment that the sender of a SYN wants to be sent, if it says so."""
    options = segment.options
    while len(options) > 1 and options[0] != _END:
        length = 1 if options[0] == _NOTHING else options[1]
        if length == 0 or len(options) < length:
            break
        if options[:2] == MAXIMUM_SEGMENT[:2]:
            return int.from_bytes(options[2:4])
        options = options[length:]
    return None
