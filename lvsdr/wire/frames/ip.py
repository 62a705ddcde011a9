"""IPv4 and IPv6 packets (RFC 791, RFC 8200)."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.frames.ethernet import FrameError

ICMP, IPIP, TCP, UDP, IPV6_IN_IP, ICMPV6, SCTP = 1, 4, 6, 17, 41, 58, 132
TTL = 64

_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_PSEUDO4 = struct.Struct("!4s4sBBH")
_PSEUDO6 = struct.Struct("!16s16sII")
_DONT_FRAGMENT = 0x4000
# More fragments follow, or this is not the first.
_FRAGMENT = 0x3FFF
_FLOW_LABEL = 0xFFFFF


@dataclass(frozen=True, slots=True)
class IPPacket:
    """One IP packet of either family; `ttl` is the hop limit of IPv6.

    `label` is IPv4's identification, of 16 bits, or IPv6's flow label, of 20: an ICMP error quotes
    it, and no answer shows it.
    """

    source: IPAddress
    destination: IPAddress
    protocol: int
    payload: bytes
    ttl: int = TTL
    label: int = 0


def encode(packet: IPPacket) -> bytes:
    """Return the bytes of `packet`; IPv4 has "don't fragment" set."""
    ends = packet.source.packed, packet.destination.packed
    length = len(packet.payload)
    if packet.source.version == 6:
        start6 = 6 << 28 | packet.label
        header = _IPV6.pack(start6, length, packet.protocol, packet.ttl, *ends)
        return header + packet.payload
    # What cannot be fragmented may have any identification (RFC 6864, 4.1).
    start = 0x45, 0, _IPV4.size + length, packet.label, _DONT_FRAGMENT, packet.ttl, packet.protocol
    header = _IPV4.pack(*start, checksum(_IPV4.pack(*start, 0, *ends)), *ends)
    return header + packet.payload


def decode(data: bytes) -> IPPacket:
    """Return the packet in `data`, padding ignored, or raise FrameError.

    Options of IPv4 are skipped; extension headers of IPv6 count as payload.
    An IPv4 fragment is refused.
    """
    packet, length = _decode(data)
    if len(packet.payload) < length:
        raise FrameError(f"an IP packet of {length} bytes is cut off after {len(packet.payload)}")
    if packet.source.version == 4 and checksum(data[: (data[0] & 0xF) * 4]):
        raise FrameError("the checksum of the IPv4 header is wrong")
    return packet


def quoted(data: bytes) -> IPPacket:
    """Return the packet that an ICMP error quotes, even if truncated, or raise FrameError.

    Its checksum is not verified: a router on the way changes the TTL.
    """
    return _decode(data)[0]


def checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071; it is 0 over data that contains its correct checksum."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def checksum_of(source: IPAddress, destination: IPAddress, protocol: int, body: bytes) -> int:
    """Return the checksum of `body` and its pseudo header, of either family."""
    ends = source.packed, destination.packed
    if source.version == 6:
        return checksum(_PSEUDO6.pack(*ends, len(body), protocol) + body)
    return checksum(_PSEUDO4.pack(*ends, 0, protocol, len(body)) + body)


def _decode(data: bytes) -> tuple[IPPacket, int]:
    """Return the packet, its payload possibly truncated, and the full length of that."""
    version = data[0] >> 4 if data else 0
    if version == 4:
        return _decode4(data)
    if version == 6:
        return _decode6(data)
    raise FrameError(f"version {version} of the Internet Protocol")


def _decode4(data: bytes) -> tuple[IPPacket, int]:
    if len(data) < _IPV4.size:
        raise FrameError(f"{len(data)} bytes are too few for IPv4")
    first, _, total, label, fragment, ttl, protocol, _, source, destination = _IPV4.unpack_from(
        data
    )
    start = (first & 0xF) * 4
    if not _IPV4.size <= start <= min(total, len(data)):
        raise FrameError("the lengths of the IPv4 header are wrong")
    if fragment & _FRAGMENT:
        raise FrameError("a fragment")
    payload = data[start:total]
    ends = IPv4Address(source), IPv4Address(destination)
    return IPPacket(*ends, protocol, payload, ttl, label), total - start


def _decode6(data: bytes) -> tuple[IPPacket, int]:
    if len(data) < _IPV6.size:
        raise FrameError(f"{len(data)} bytes are too few for IPv6")
    first, length, protocol, ttl, source, destination = _IPV6.unpack_from(data)
    payload = data[_IPV6.size : _IPV6.size + length]
    ends = IPv6Address(source), IPv6Address(destination)
    return IPPacket(*ends, protocol, payload, ttl, first & _FLOW_LABEL), length
