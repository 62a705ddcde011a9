"""Tunnel packets as IPVS sends them: IP in IP, in UDP (GUE), or in GRE."""

from __future__ import annotations

import struct

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs_tunnel import IPIP_TUNNEL, TUNNEL_TYPES, Tunnel
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.frames import ip, udp
from lvsdr.wire.frames.ethernet import FrameError
from lvsdr.wire.frames.ip import IPIP, IPV6_IN_IP, UDP, IPPacket, checksum, encode

GRE = 47
_CHECKSUM = 1
# RFC 2784: flags, of which 0x80 tells of a checksum, a version, and the EtherType of what follows.
_GRE, _GRE_CHECKSUM = struct.Struct("!BBH"), 0x80
_ETHERTYPES = {4: 0x0800, 6: 0x86DD}
# draft-ietf-intarea-gue, variant 0: no control message, no options, the protocol of what follows.
_GUE = struct.Struct("!BBH")
_UDP_HEADER = 8


@dataclass(frozen=True, slots=True)
class OuterHeader:
    """The outer header of a tunnel packet: its two ends, and the tunnel's type in the kernel."""

    source: IPAddress
    destination: IPAddress
    tunnel: Tunnel = IPIP_TUNNEL


def encapsulate(packet: IPPacket, outer: OuterHeader, ours: int = 0) -> IPPacket:
    """Return the packet that carries `packet`; `ours` is the source port of GUE.

    GUE's remote checksum offload is left out: a receiver that has it takes packets without it, too.
    """
    source, destination = outer.source, outer.destination
    kind, port, flags = outer.tunnel
    inner = IPIP if packet.source.version == 4 else IPV6_IN_IP
    body = encode(packet)
    if TUNNEL_TYPES[kind] == "gre":
        return IPPacket(source, destination, GRE, _gre(packet.source.version, body, flags))
    if TUNNEL_TYPES[kind] == "gue":
        datagram = udp.Datagram(ours, port, _GUE.pack(0, inner, 0) + body)
        return IPPacket(source, destination, UDP, udp.encode(datagram, source, destination))
    return IPPacket(source, destination, inner, body)


def quoted_inner(outer: IPPacket) -> IPPacket | None:
    """Return the packet inside a tunnel packet of ours that an ICMP error quotes.

    None where the quoted packet is not a tunnel's. Raises FrameError where too little is quoted.
    """
    start = _start(outer)
    if start is None:
        return None
    if len(outer.payload) < start:
        raise FrameError("quotes too little of a tunnel")
    return ip.quoted(outer.payload[start:])


def _start(outer: IPPacket) -> int | None:
    """Return the offset of the inner packet, None where there is no tunnel."""
    if outer.protocol in (IPIP, IPV6_IN_IP):
        return 0
    if outer.protocol == GRE:
        has_checksum = outer.payload[:1] >= bytes([_GRE_CHECKSUM])
        return _GRE.size + (4 if has_checksum else 0)
    # Our own datagrams are empty, or do not begin with 0.
    if outer.protocol == UDP and outer.payload[_UDP_HEADER : _UDP_HEADER + 1] == b"\0":
        return _UDP_HEADER + _GUE.size
    return None


def _gre(version: int, body: bytes, flags: int) -> bytes:
    if not flags & _CHECKSUM:
        return _GRE.pack(0, 0, _ETHERTYPES[version]) + body
    # A link of GRE takes packets with a checksum, or without, as it was made.
    header = _GRE.pack(_GRE_CHECKSUM, 0, _ETHERTYPES[version])
    return header + struct.pack("!HH", checksum(header + bytes(4) + body), 0) + body
