"""Frames with segments of TCP that carry data, along the path of a check; and received ones."""

from __future__ import annotations

import struct

from lvsdr.wire.checks.tcp_client import WINDOW, Segment
from lvsdr.wire.frames.ethernet import UNKNOWN
from lvsdr.wire.frames.ip import TCP, checksum_of
from lvsdr.wire.frames.tcp import decode, maximum_segment
from lvsdr.wire.paths.probe import Mark, Probe, frame_of

_HEADER = struct.Struct("!HHIIBBHHH")
_MAC, _LEAST = 6, 20
_IPV4, _IPV6 = 14 + 20, 14 + 40
# A tunnel takes its headers from what fits; and no path is narrower than this (RFC 8200, 5).
SMALL = 1220
_ASSUMED = 536


def frame(probe: Probe, macs: tuple[bytes, str], port: bytes, segment: Segment) -> bytes:
    """Return the frame of a segment from one of our ports; `macs` are the next hop's and ours."""
    header = (
        *(int.from_bytes(port), probe.port, segment.number, segment.acknowledged),
        *(_HEADER.size << 2, segment.flags, WINDOW),
    )
    blank = _HEADER.pack(*header, 0, 0) + segment.data
    filled = checksum_of(probe.source, probe.target, TCP, blank)
    body = _HEADER.pack(*header, filled, 0) + segment.data
    return macs[0] + frame_of(probe, macs[1] or UNKNOWN, body, Mark(0, 0))[_MAC:]


def received(frame: bytes) -> tuple[bytes, Segment] | None:
    """Return the segment in a frame, after its addresses and ports as one key; None for others.

    Its checksum is not verified; see frames.tcp.
    """
    if len(frame) < _IPV4:
        return None
    if frame[12] == 8:
        plain, protocol, ends, at = frame[14] == 0x45, frame[23], frame[26:34], _IPV4
        end = 14 + int.from_bytes(frame[16:18])
    else:
        plain, protocol, ends, at = True, frame[20], frame[22:54], _IPV6
        end = at + int.from_bytes(frame[18:20])
    if not plain or protocol != TCP or len(frame) < at + _LEAST:
        return None
    _, _, number, acknowledged, offset, flags, *_ = _HEADER.unpack_from(frame, at)
    data = frame[at + (offset >> 4) * 4 : end]
    return ends + frame[at : at + 4], Segment(flags, number, acknowledged, data)


def piece(frame: bytes) -> int:
    """Return how much data a segment of ours may have, by what a SYN-ACK announces."""
    at = _IPV4 if frame[12] == 8 else _IPV6
    try:
        announced = maximum_segment(decode(frame[at:]))
    except ValueError:
        announced = None
    return max(1, min(announced or _ASSUMED, SMALL))
