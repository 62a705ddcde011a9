"""Neighbour discovery for IPv6 over Ethernet (RFC 4861): solicitations and advertisements."""

from __future__ import annotations

import struct
from ipaddress import IPv6Address

from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.frames import ethernet, ip
from lvsdr.wire.frames.ethernet import Frame, FrameError, mac_bytes, mac_text
from lvsdr.wire.frames.ip import ICMPV6, IPPacket, checksum_of

SOLICITATION = 135
ADVERTISEMENT = 136
NOBODY = IPv6Address(0)
ALL_NODES = IPv6Address("ff02::1")

_ICMP = struct.Struct("!BBHI16s")
# A router lowers it, so 255 proves that the sender is on this segment (RFC 4861, 3.1).
_HOP_LIMIT = 255
_SOURCE_MAC, _TARGET_MAC = 1, 2
_ROUTER, _SOLICITED, _OVERRIDE = 1 << 31, 1 << 30, 1 << 29
_SOLICITED_NODE = int(IPv6Address("ff02::1:ff00:0"))


@dataclass(frozen=True, slots=True)
class Solicitation:
    """A question for `target`; `mac` is the source link-layer address option, or None."""

    source: IPv6Address
    destination: IPv6Address
    target: IPv6Address
    mac: str | None


@dataclass(frozen=True, slots=True)
class Advertisement:
    """An answer for `target`; `mac` is the target link-layer address option, or None."""

    source: IPv6Address
    destination: IPv6Address
    target: IPv6Address
    mac: str | None
    router: bool = False
    solicited: bool = False
    override: bool = False


Message = Solicitation | Advertisement


def encode(message: Message) -> bytes:
    """Return the IPv6 packet of `message`, checksum included."""
    if isinstance(message, Solicitation):
        kind, flags, option = SOLICITATION, 0, _SOURCE_MAC
    else:
        kind, flags, option = ADVERTISEMENT, _flags(message), _TARGET_MAC
    options = bytes([option, 1]) + mac_bytes(message.mac) if message.mac else b""
    ends = message.source, message.destination
    blank = _ICMP.pack(kind, 0, 0, flags, message.target.packed) + options
    filled = checksum_of(*ends, ICMPV6, blank)
    body = _ICMP.pack(kind, 0, filled, flags, message.target.packed) + options
    return ip.encode(IPPacket(*ends, ICMPV6, body, _HOP_LIMIT))


def decode(data: bytes) -> Message:
    """Return the message in the IPv6 packet `data`, padding ignored, or raise FrameError.

    Messages that RFC 4861 (7.1.1, 7.1.2) tells a node to discard are refused,
    and packets with extension headers, which no neighbour sends.
    """
    source, destination, body = _decode_ip(data)
    if len(body) < _ICMP.size:
        raise FrameError(f"{len(body)} bytes are too few for neighbour discovery")
    kind, code, _, flags, packed = _ICMP.unpack_from(body)
    target = IPv6Address(packed)
    if kind not in (SOLICITATION, ADVERTISEMENT) or code or target.is_multicast:
        raise FrameError("neither a neighbour solicitation nor an advertisement")
    if checksum_of(source, destination, ICMPV6, body):
        raise FrameError("the ICMPv6 checksum is wrong")
    options = _options(body[_ICMP.size :])
    if kind == SOLICITATION:
        return _solicitation(source, destination, target, options)
    return _advertisement(source, destination, target, options, flags)


def question(mac: str, source: IPv6Address, address: IPv6Address) -> Solicitation:
    """Return the solicitation for `address` from `source`."""
    return Solicitation(source, solicited_node(address), address, mac)


def probe(address: IPv6Address) -> Solicitation:
    """Return the solicitation from the unspecified address, as in duplicate detection (RFC 4862).

    A host that is itself detecting duplicates of `address` gives the address
    up when it receives this.
    """
    return Solicitation(NOBODY, solicited_node(address), address, None)


def unsolicited(mac: str, vip: IPv6Address) -> Advertisement:
    """Return the unsolicited advertisement of `vip`, which overrides caches (RFC 4861, 7.2.6)."""
    return Advertisement(vip, ALL_NODES, vip, mac, override=True)


def multicast(mac: str, message: Message) -> bytes:
    """Return the whole frame that carries `message` from `mac` to its multicast group."""
    group = multicast_mac(message.destination)
    return ethernet.encode(Frame(group, mac, ethernet.IPV6, encode(message)))


def solicited_node(address: IPv6Address) -> IPv6Address:
    """Return the solicited-node multicast address of `address` (RFC 4291, 2.7.1)."""
    return IPv6Address(_SOLICITED_NODE | (int(address) & 0xFFFFFF))


def multicast_mac(group: IPv6Address) -> str:
    """Return the MAC address of an IPv6 group (RFC 2464, 7)."""
    return mac_text(b"\x33\x33" + group.packed[-4:])


def _flags(message: Advertisement) -> int:
    return (
        (message.router and _ROUTER)
        | (message.solicited and _SOLICITED)
        | (message.override and _OVERRIDE)
    )


def _decode_ip(data: bytes) -> tuple[IPv6Address, IPv6Address, bytes]:
    packet = ip.decode(data)
    source, destination = packet.source, packet.destination
    if not (isinstance(source, IPv6Address) and isinstance(destination, IPv6Address)):
        raise FrameError("neighbour discovery is of IPv6 alone")
    if packet.protocol != ICMPV6:
        raise FrameError("not an ICMPv6 packet")
    if packet.ttl != _HOP_LIMIT:
        raise FrameError(f"hop limit {packet.ttl}: it came through a router")
    if source.is_multicast:
        raise FrameError("a group cannot speak")
    return source, destination, packet.payload


def _solicitation(
    source: IPv6Address, destination: IPv6Address, target: IPv6Address, options: dict[int, str]
) -> Solicitation:
    nobody = source == NOBODY
    if nobody and (destination != solicited_node(target) or _SOURCE_MAC in options):
        raise FrameError("a solicitation of nobody that says more than duplicate detection may")
    return Solicitation(source, destination, target, options.get(_SOURCE_MAC))


def _advertisement(
    source: IPv6Address,
    destination: IPv6Address,
    target: IPv6Address,
    options: dict[int, str],
    flags: int,
) -> Advertisement:
    router, solicited, override = (bool(flags & flag) for flag in (_ROUTER, _SOLICITED, _OVERRIDE))
    if destination.is_multicast and solicited:
        raise FrameError("a solicited advertisement to a group")
    mac = options.get(_TARGET_MAC)
    return Advertisement(source, destination, target, mac, router, solicited, override)


def _options(data: bytes) -> dict[int, str]:
    """Return the link-layer address options by type; of two alike the first, as Linux does."""
    found: dict[int, str] = {}
    while data:
        length = data[1] * 8 if len(data) > 1 else 0
        if not 0 < length <= len(data):
            raise FrameError("an option of neighbour discovery is cut off, or empty")
        if data[0] in (_SOURCE_MAC, _TARGET_MAC):
            if length != 8:
                raise FrameError("a link-layer address that is no MAC address")
            found.setdefault(data[0], mac_text(data[2:8]))
        data = data[length:]
    return found
