"""SCTP (RFC 9260): the packet that opens an association, and the first chunk of the answer."""

from __future__ import annotations

import struct

from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.frames.ethernet import FrameError

INIT, INIT_ACK, ABORT = 1, 2, 6

_HEADER = struct.Struct("!HHI")
_CHECKSUM = struct.Struct("<I")
_CHUNK = struct.Struct("!BBH")
_INIT = struct.Struct("!IIHHI")
_START = _HEADER.size + _CHECKSUM.size
_WINDOW, _STREAMS = 65535, 1


@dataclass(frozen=True, slots=True)
class Chunk:
    """A packet of one chunk; `tag` is the verification tag, 0 with an INIT.

    `initiate_tag` is the tag that an INIT or an INIT ACK asks the other side to
    use, 0 with other chunks.
    """

    source_port: int
    destination_port: int
    tag: int
    kind: int
    initiate_tag: int = 0


def encode(chunk: Chunk) -> bytes:
    """Return the bytes of the packet, its CRC32c included."""
    header = _HEADER.pack(chunk.source_port, chunk.destination_port, chunk.tag)
    body = b""
    if chunk.kind in (INIT, INIT_ACK):
        # The first transmission sequence number may be the tag (RFC 9260, 3.3.2).
        tag = chunk.initiate_tag
        body = _INIT.pack(tag, _WINDOW, _STREAMS, _STREAMS, tag)
    body = _CHUNK.pack(chunk.kind, 0, _CHUNK.size + len(body)) + body
    return header + _CHECKSUM.pack(crc32c(header + bytes(_CHECKSUM.size) + body)) + body


def decode(data: bytes) -> Chunk:
    """Return the first chunk in `data`, or raise FrameError; for its checksum see tcp.decode."""
    if len(data) < _START + _CHUNK.size:
        raise FrameError(f"{len(data)} bytes are too few for SCTP")
    source_port, destination_port, tag = _HEADER.unpack_from(data)
    kind, _, length = _CHUNK.unpack_from(data, _START)
    if not _CHUNK.size <= length <= len(data) - _START:
        raise FrameError("the length of the SCTP chunk is wrong")
    if kind not in (INIT, INIT_ACK):
        return Chunk(source_port, destination_port, tag, kind)
    if length < _CHUNK.size + _INIT.size:
        raise FrameError("an SCTP INIT that is cut off")
    initiate_tag, *_ = _INIT.unpack_from(data, _START + _CHUNK.size)
    return Chunk(source_port, destination_port, tag, kind, initiate_tag)


def crc32c(data: bytes) -> int:
    """Return the CRC of RFC 9260, appendix A."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def _entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE = tuple(map(_entry, range(256)))
