"""The packets that make a connection of IPVS, as a classic BPF program."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address

from lvsdr.model.address import IPAddress
from lvsdr.wire.bpf import (
    ACCEPT,
    ANY_BIT,
    AT_LEAST,
    DROP,
    EQUAL,
    IPV4_HEADER_TO_X,
    LOAD,
    LOAD_BYTE,
    LOAD_BYTE_X,
    LOAD_HALF,
    PACKET_TYPE,
    Instruction,
    assemble,
)
from lvsdr.wire.frames.ethernet import IPV4, IPV6
from lvsdr.wire.frames.ip import TCP, UDP
from lvsdr.wire.frames.tcp import ACK, SYN
from lvsdr.wire.packet_filters import NO_VLAN

_FOR_US = 0
_LATER_FRAGMENT = 0x1FFF
# A probe of a path comes with a TTL of 1 or 2, straight to a real server, which this host may be.
_NO_PROBE = 3
# As far as one test can jump over the others.
_MOST = 200


def first_packet_filter(vips: Collection[IPAddress], *, udp: bool) -> bytes:
    """Return the BPF program that passes a client's SYN for one of `vips`, with `udp` datagrams.

    Only what is sent to this host's own MAC address passes. VIPs of IPv6, and many of IPv4, are not
    compared here.
    """
    ipv4 = _of_ipv4([vip for vip in vips if isinstance(vip, IPv4Address)], udp)
    return assemble(
        [
            (LOAD, 0, 0, PACKET_TYPE),
            (EQUAL, 0, DROP, _FOR_US),
            *NO_VLAN,
            (LOAD_HALF, 0, 0, 12),
            (EQUAL, 0, len(ipv4), IPV4),
            *ipv4,
            (EQUAL, 0, DROP, IPV6),
            (LOAD_BYTE, 0, 0, 21),
            (AT_LEAST, 0, DROP, _NO_PROBE),
            (LOAD_BYTE, 0, 0, 20),
            *_first((LOAD_BYTE, 0, 0, 67), udp),
        ]
    )


def _of_ipv4(vips: Collection[IPv4Address], udp: bool) -> list[Instruction]:
    last = len(vips) - 1
    among: list[Instruction] = [
        (EQUAL, last - place, 0 if place < last else DROP, int(vip))
        for place, vip in enumerate(vips)
    ]
    return [
        (LOAD_HALF, 0, 0, 20),
        (ANY_BIT, DROP, 0, _LATER_FRAGMENT),
        (LOAD_BYTE, 0, 0, 22),
        (AT_LEAST, 0, DROP, _NO_PROBE),
        *((LOAD, 0, 0, 30), *among) * (0 < len(vips) <= _MOST),
        (IPV4_HEADER_TO_X, 0, 0, 14),
        (LOAD_BYTE, 0, 0, 23),
        *_first((LOAD_BYTE_X, 0, 0, 14 + 13), udp),
    ]


def _first(load_flags: Instruction, udp: bool) -> list[Instruction]:
    """Return the tests of the protocol, which is loaded, and of what TCP's flags are."""
    return [
        *[(EQUAL, ACCEPT, 0, UDP)] * udp,
        (EQUAL, 0, DROP, TCP),
        load_flags,
        (ANY_BIT, 0, DROP, SYN),
        (ANY_BIT, DROP, ACCEPT, ACK),
    ]
