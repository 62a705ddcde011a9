"""ICMP (RFC 792) and ICMPv6 (RFC 4443): echo, and errors, which quote a packet."""

from __future__ import annotations

import struct

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.frames.ethernet import FrameError
from lvsdr.wire.frames.ip import ICMP, ICMPV6, checksum, checksum_of

_HEADER = struct.Struct("!BBHHH")
_REQUEST = {4: 8, 6: 128}
_REPLY = {4: 0, 6: 129}
_ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}
# By family, type and code. Other codes say nothing about a port, a host or a firewall.
_REASONS = {
    **{(4, 3, code): "unreachable" for code in (0, 1, 5, 6, 7, 8, 11, 12)},
    **{(4, 3, code): "prohibited" for code in (9, 10, 13)},
    (4, 3, 2): "protocol",
    (4, 3, 3): "port",
    (4, 11, 0): "expired",
    **{(6, 1, code): "unreachable" for code in (0, 2, 3)},
    **{(6, 1, code): "prohibited" for code in (1, 5, 6)},
    (6, 1, 4): "port",
    (6, 3, 0): "expired",
    (6, 4, 1): "protocol",
}


@dataclass(frozen=True, slots=True)
class Echo:
    """An echo request, or the reply to one, which gives its data back."""

    identifier: int
    sequence: int
    reply: bool = False
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Error:
    """An error: its type and code, and in `quote` the start of the packet that caused it."""

    version: int
    kind: int
    code: int
    quote: bytes

    @property
    def reason(self) -> str:
        """Return unreachable, prohibited, protocol, port, expired, or other."""
        return _REASONS.get((self.version, self.kind, self.code), "other")


def encode(message: Echo | Error, source: IPAddress, destination: IPAddress) -> bytes:
    """Return the bytes of `message`, its checksum filled in for these two addresses."""
    if isinstance(message, Echo):
        kind = (_REPLY if message.reply else _REQUEST)[source.version]
        start, end, body = (kind, 0), (message.identifier, message.sequence), message.data
    else:
        start, end, body = (message.kind, message.code), (0, 0), message.quote
    blank = _HEADER.pack(*start, 0, *end) + body
    return _HEADER.pack(*start, _checksum(source, destination, blank), *end) + body


def decode(data: bytes, source: IPAddress, destination: IPAddress) -> Echo | Error:
    """Return the message in `data`, which came from `source`, or raise FrameError.

    Messages of other types than echo and error are refused.
    """
    if len(data) < _HEADER.size:
        raise FrameError(f"{len(data)} bytes are too few for ICMP")
    if _checksum(source, destination, data):
        raise FrameError("the ICMP checksum is wrong")
    version = source.version
    kind, code, _, identifier, sequence = _HEADER.unpack_from(data)
    if kind in (_REQUEST[version], _REPLY[version]):
        return Echo(identifier, sequence, kind == _REPLY[version], data[_HEADER.size :])
    if kind in _ERRORS[version]:
        return Error(version, kind, code, data[_HEADER.size :])
    raise FrameError(f"type {kind} of ICMP is neither an echo nor an error")


def protocol(version: int) -> int:
    """Return the protocol number of a family's ICMP."""
    return ICMP if version == 4 else ICMPV6


def _checksum(source: IPAddress, destination: IPAddress, body: bytes) -> int:
    # Only ICMPv6 has a pseudo header.
    if source.version == 4:
        return checksum(body)
    return checksum_of(source, destination, ICMPV6, body)
