"""Which frames the kernel passes to our packet sockets, as classic BPF programs."""

from __future__ import annotations

from collections.abc import Sequence

from lvsdr.wire.bpf import (
    ACCEPT,
    ANY_BIT,
    AT_LEAST,
    DROP,
    EQUAL,
    HAS_VLAN_TAG,
    IPV4_HEADER_TO_X,
    LOAD,
    LOAD_BYTE,
    LOAD_BYTE_X,
    LOAD_HALF,
    LOAD_HALF_X,
    PACKET_TYPE,
    VLAN_TAG,
    Instruction,
    assemble,
)
from lvsdr.wire.frames.ethernet import IPV4, IPV6
from lvsdr.wire.frames.ip import ICMP, ICMPV6, SCTP, TCP, UDP

# linux/if_packet.h
_FOR_US, _OUTGOING = 0, 4
_MORE_OR_LATER_FRAGMENT = 0x3FFF
_PORTS = (TCP, UDP, SCTP)

_NO_VLAN: tuple[Instruction, ...] = (
    # Is there a tag at all? Linux 6.1 leaves a stale one behind on a link of a VLAN.
    (LOAD, 0, 0, HAS_VLAN_TAG),
    (EQUAL, 2, 0, 0),
    (LOAD, 0, 0, VLAN_TAG),
    # VLAN 0 is no VLAN, only a priority (802.1Q).
    (ANY_BIT, DROP, 0, 0x0FFF),
)
# Next header ICMPv6 at byte 20, its type at 54: a solicitation or an advertisement.
_NEIGHBOUR_DISCOVERY = (
    (EQUAL, 0, DROP, IPV6),
    (LOAD_BYTE, 0, 0, 20),
    (EQUAL, 0, DROP, ICMPV6),
    (LOAD_BYTE, 0, 0, 54),
    (EQUAL, ACCEPT, 0, 135),
    (EQUAL, ACCEPT, DROP, 136),
)


def ethertype_filter(ethertypes: Sequence[int]) -> bytes:
    """Return the BPF program that passes frames of `ethertypes`, in host byte order.

    Of IPv6 only neighbour discovery passes. Frames that this host sends are
    dropped, and frames of a VLAN on the link: the kernel has removed their
    tag, so they look like frames of the link itself.
    """
    return assemble(
        [
            (LOAD, 0, 0, PACKET_TYPE),
            (EQUAL, DROP, 0, _OUTGOING),
            *_NO_VLAN,
            (LOAD_HALF, 0, 0, 12),
            *((EQUAL, ACCEPT, 0, ethertype) for ethertype in ethertypes if ethertype != IPV6),
            *(_NEIGHBOUR_DISCOVERY if IPV6 in ethertypes else ()),
        ]
    )


def probe_reply_filter(ports: range) -> bytes:
    """Return the BPF program that passes the packets that may answer a probe from `ports`.

    These are packets to this host: TCP, UDP and SCTP to one of the ports, echo
    replies whose identifier is one of them, and ICMP errors. The kernel drops
    all others before it copies them, for a director receives many.
    """
    return assemble(
        [
            (LOAD, 0, 0, PACKET_TYPE),
            (EQUAL, 0, DROP, _FOR_US),
            *_NO_VLAN,
            (LOAD_HALF, 0, 0, 12),
            (EQUAL, 0, len(_from_ipv4(ports)), IPV4),
            *_from_ipv4(ports),
            (EQUAL, 0, DROP, IPV6),
            *_from_ipv6(ports),
        ]
    )


def _from_ipv4(ports: range) -> list[Instruction]:
    port, identifier = (
        _among((LOAD_HALF_X, 0, 0, 16), ports),
        _among((LOAD_HALF_X, 0, 0, 18), ports),
    )
    return [
        (LOAD_HALF, 0, 0, 20),
        (ANY_BIT, DROP, 0, _MORE_OR_LATER_FRAGMENT),
        (IPV4_HEADER_TO_X, 0, 0, 14),
        (LOAD_BYTE, 0, 0, 23),
        *_one_of(_PORTS, port),
        (EQUAL, 0, DROP, ICMP),
        (LOAD_BYTE_X, 0, 0, 14),
        *((EQUAL, ACCEPT, 0, kind) for kind in (3, 11, 12)),
        (EQUAL, 0, DROP, 0),
        *identifier,
    ]


def _from_ipv6(ports: range) -> list[Instruction]:
    port, identifier = _among((LOAD_HALF, 0, 0, 56), ports), _among((LOAD_HALF, 0, 0, 58), ports)
    return [
        (LOAD_BYTE, 0, 0, 20),
        *_one_of(_PORTS, port),
        (EQUAL, 0, DROP, ICMPV6),
        (LOAD_BYTE, 0, 0, 54),
        # Errors are below 128 (RFC 4443, 2.1), an echo reply is 129.
        (AT_LEAST, 0, ACCEPT, 128),
        (EQUAL, 0, DROP, 129),
        *identifier,
    ]


def _one_of(protocols: tuple[int, ...], then: list[Instruction]) -> list[Instruction]:
    """Return the jump into `then` where the accumulator is one of `protocols`, else past it."""
    last = len(protocols) - 1
    tests = [
        (EQUAL, last - place, len(then) if place == last else 0, protocol)
        for place, protocol in enumerate(protocols)
    ]
    return [*tests, *then]


def _among(load: Instruction, ports: range) -> list[Instruction]:
    return [load, (AT_LEAST, 0, DROP, ports.start), (AT_LEAST, DROP, ACCEPT, ports.stop)]
