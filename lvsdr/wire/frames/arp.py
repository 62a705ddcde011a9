"""ARP for IPv4 over Ethernet (RFC 826)."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.frames import ethernet
from lvsdr.wire.frames.ethernet import BROADCAST, UNKNOWN, Frame, FrameError, mac_bytes, mac_text

REQUEST = 1
REPLY = 2
NOBODY = IPv4Address(0)

_PACKET = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET, _IPV4, _MAC_LENGTH, _IP_LENGTH = 1, 0x0800, 6, 4
_KIND = (_ETHERNET, _IPV4, _MAC_LENGTH, _IP_LENGTH)


@dataclass(frozen=True, slots=True)
class Arp:
    """One ARP packet; a receiver may learn that `sender_ip` is at `sender_mac`."""

    operation: int
    sender_mac: str
    sender_ip: IPv4Address
    target_mac: str
    target_ip: IPv4Address


def encode(packet: Arp) -> bytes:
    """Return the 28 bytes of `packet`, the payload of an Ethernet frame."""
    return _PACKET.pack(
        *_KIND,
        packet.operation,
        mac_bytes(packet.sender_mac),
        packet.sender_ip.packed,
        mac_bytes(packet.target_mac),
        packet.target_ip.packed,
    )


def decode(data: bytes) -> Arp:
    """Return the packet in `data`, padding ignored, or raise FrameError.

    Anything but a request or a reply for IPv4 over Ethernet is refused
    (RFC 826): no cache learns from RARP and the like.
    """
    if len(data) < _PACKET.size:
        raise FrameError(f"{len(data)} bytes are too few for ARP")
    *kind, operation, sender_mac, sender_ip, target_mac, target_ip = _PACKET.unpack_from(data)
    if tuple(kind) != _KIND:
        raise FrameError("not ARP for IPv4 over Ethernet")
    if operation not in (REQUEST, REPLY):
        raise FrameError(f"ARP operation {operation} is neither request nor reply")
    return Arp(
        operation,
        mac_text(sender_mac),
        IPv4Address(sender_ip),
        mac_text(target_mac),
        IPv4Address(target_ip),
    )


def question(mac: str, source: IPv4Address, address: IPv4Address) -> Arp:
    """Return the request for `address` from `source`; proxies answer it, too."""
    return Arp(REQUEST, mac, source, UNKNOWN, address)


def probe(mac: str, address: IPv4Address) -> Arp:
    """Return the request for `address` from 0.0.0.0 (RFC 5227, 2.1.1); no cache learns from it."""
    return Arp(REQUEST, mac, NOBODY, UNKNOWN, address)


def gratuitous_request(mac: str, vip: IPv4Address) -> Arp:
    """Return the announcement of `vip` as a request (RFC 5227, 2.3)."""
    return Arp(REQUEST, mac, vip, UNKNOWN, vip)


def gratuitous_reply(mac: str, vip: IPv4Address) -> Arp:
    """Return the announcement of `vip` as a reply, its target MAC the sender's (RFC 5944, 4.6)."""
    return Arp(REPLY, mac, vip, mac, vip)


def broadcast(packet: Arp) -> bytes:
    """Return the whole frame that broadcasts `packet` on the segment."""
    return ethernet.encode(
        Frame(BROADCAST, packet.sender_mac, ethernet.ARP, encode(packet)),
    )
