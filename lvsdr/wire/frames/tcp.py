"""TCP segments (RFC 9293) without data: enough to probe whether a port is open."""

from __future__ import annotations

import struct

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
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
    """Return the bytes of `segment`, its checksum filled in for these two addresses."""
    start = (
        *(segment.source_port, segment.destination_port),
        *(segment.sequence, segment.acknowledgment),
        *((_HEADER.size + len(segment.options)) << 2, segment.flags, WINDOW),
    )
    blank = _HEADER.pack(*start, 0, 0) + segment.options
    return _HEADER.pack(*start, checksum_of(source, destination, TCP, blank), 0) + segment.options


def decode(data: bytes) -> Segment:
    """Return the segment in `data`, or raise FrameError.

    The checksum is not verified: between hosts on one machine it is left
    unfilled, and a packet socket sees the segment so.
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
    """Return the value of the maximum segment size option, None where there is none."""
    options = segment.options
    while len(options) > 1 and options[0] != _END:
        length = 1 if options[0] == _NOTHING else options[1]
        if length == 0 or len(options) < length:
            break
        if options[:2] == MAXIMUM_SEGMENT[:2]:
            return int.from_bytes(options[2:4])
        options = options[length:]
    return None
