"""UDP datagrams (RFC 768)."""

from __future__ import annotations

import struct

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.frames.ethernet import FrameError
from lvsdr.wire.frames.ip import UDP, checksum_of

_HEADER = struct.Struct("!HHHH")


@dataclass(frozen=True, slots=True)
class Datagram:
    """One datagram."""

    source_port: int
    destination_port: int
    data: bytes = b""


def encode(datagram: Datagram, source: IPAddress, destination: IPAddress) -> bytes:
    """Return the bytes of `datagram`, its checksum filled in for these two addresses."""
    start = datagram.source_port, datagram.destination_port, _HEADER.size + len(datagram.data)
    blank = _HEADER.pack(*start, 0) + datagram.data
    # 0 stands for none (RFC 768), and is refused on IPv6.
    filled = checksum_of(source, destination, UDP, blank) or 0xFFFF
    return _HEADER.pack(*start, filled) + datagram.data


def decode(data: bytes) -> Datagram:
    """Return the datagram in `data`, or raise FrameError; for its checksum see tcp.decode."""
    if len(data) < _HEADER.size:
        raise FrameError(f"{len(data)} bytes are too few for UDP")
    source_port, destination_port, length, _ = _HEADER.unpack_from(data)
    if not _HEADER.size <= length <= len(data):
        raise FrameError("the length of the UDP datagram is wrong")
    return Datagram(source_port, destination_port, data[_HEADER.size : length])
