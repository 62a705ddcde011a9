"""Which frames the kernel passes to our packet sockets, as classic BPF programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, get_args

from lvsdr.model.address import IPAddress
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
    MOST_VALUES,
    PACKET_TYPE,
    SEARCH,
    VLAN_TAG,
    Instruction,
    assemble,
)
from lvsdr.wire.frames.ethernet import ARP, IPV4, IPV6
from lvsdr.wire.frames.ip import ICMP, ICMPV6, SCTP, TCP, UDP

# linux/if_packet.h
_FOR_US, _OUTGOING = 0, 4
_MORE_OR_LATER_FRAGMENT = 0x3FFF
_PORTS = (TCP, UDP, SCTP)

NO_VLAN: tuple[Instruction, ...] = (
    # Is there a tag at all? Linux 6.1 leaves a stale one behind on a link of a VLAN.
    (LOAD, 0, 0, HAS_VLAN_TAG),
    (EQUAL, 2, 0, 0),
    (LOAD, 0, 0, VLAN_TAG),
    # VLAN 0 is no VLAN, only a priority (802.1Q).
    (ANY_BIT, DROP, 0, 0x0FFF),
)
# A solicitation speaks for its source, an advertisement for its target; of both the last word.
_SPEAKS_FOR = {135: 34, 136: 74}
_SENDER_OF_ARP = 28

Way = Literal["to us", "to all"]
WAYS: tuple[Way, ...] = get_args(Way)
_BY_WAY: dict[Way | None, tuple[Instruction, ...]] = {
    None: ((EQUAL, DROP, 0, _OUTGOING),),
    "to us": ((EQUAL, 0, DROP, _FOR_US),),
    "to all": ((EQUAL, DROP, 0, _OUTGOING), (EQUAL, DROP, 0, _FOR_US)),
}


def ethertype_filter(
    ethertypes: Sequence[int], about: Iterable[IPAddress] = (), way: Way | None = None
) -> bytes:
    """Return the BPF program that passes frames of `ethertypes`, in host byte order.

    Of IPv6 only neighbour discovery passes. Frames that this host sends are dropped, and frames of
    a VLAN on the link: the kernel has removed their tag, so they look like frames of the link
    itself. With `about`, only what is said of these addresses passes, and a little more: however
    many frames speak of others, they take no room from these. With `way`, only what is sent to
    this host's MAC passes, or only the rest.
    """
    words = {int(address) & 0xFFFFFFFF for address in about}
    # Too many for the kernel: then all pass.
    found = SEARCH if 0 < len(words) <= MOST_VALUES else ACCEPT
    arp: tuple[Instruction, ...] = (
        (EQUAL, 0, 2, ARP),
        (LOAD, 0, 0, _SENDER_OF_ARP),
        (AT_LEAST, found, found, 0),
    )
    others = [each for each in ethertypes if each not in (ARP, IPV6)]
    return assemble(
        [
            (LOAD, 0, 0, PACKET_TYPE),
            *_BY_WAY[way],
            *NO_VLAN,
            (LOAD_HALF, 0, 0, 12),
            *((EQUAL, ACCEPT, 0, ethertype) for ethertype in others),
            *(arp if ARP in ethertypes else ()),
            *(_neighbour_discovery(found) if IPV6 in ethertypes else ()),
        ],
        words if found == SEARCH else (),
    )


def _neighbour_discovery(found: int) -> Iterator[Instruction]:
    """Yield what passes a solicitation or an advertisement, and drops all else."""
    # Next header ICMPv6 at byte 20, its type at 54.
    yield from ((EQUAL, 0, DROP, IPV6), (LOAD_BYTE, 0, 0, 20), (EQUAL, 0, DROP, ICMPV6))
    yield (LOAD_BYTE, 0, 0, 54)
    for kind, speaker in _SPEAKS_FOR.items():
        yield from ((EQUAL, 0, 2, kind), (LOAD, 0, 0, speaker), (AT_LEAST, found, found, 0))


def probe_reply_filter(ports: Iterable[int]) -> bytes:
    """Return the BPF program that passes the packets that may answer a probe from `ports`.

    These are packets to this host: TCP, UDP and SCTP to one of the ports, echo
    replies whose identifier is one of them, and ICMP errors. The kernel drops
    all others before it copies them, for a director receives many.
    """
    return assemble(
        [
            (LOAD, 0, 0, PACKET_TYPE),
            (EQUAL, 0, DROP, _FOR_US),
            *NO_VLAN,
            (LOAD_HALF, 0, 0, 12),
            (EQUAL, 0, len(_FROM_IPV4), IPV4),
            *_FROM_IPV4,
            (EQUAL, 0, DROP, IPV6),
            *_FROM_IPV6,
        ],
        ports,
    )


def _one_of(protocols: tuple[int, ...], then: list[Instruction]) -> list[Instruction]:
    """Return the jump into `then` where the accumulator is one of `protocols`, else past it."""
    last = len(protocols) - 1
    tests = [
        (EQUAL, last - place, len(then) if place == last else 0, protocol)
        for place, protocol in enumerate(protocols)
    ]
    return [*tests, *then]


def _among(load: Instruction) -> list[Instruction]:
    return [load, (AT_LEAST, SEARCH, SEARCH, 0)]


_FROM_IPV4 = [
    (LOAD_HALF, 0, 0, 20),
    (ANY_BIT, DROP, 0, _MORE_OR_LATER_FRAGMENT),
    (IPV4_HEADER_TO_X, 0, 0, 14),
    (LOAD_BYTE, 0, 0, 23),
    *_one_of(_PORTS, _among((LOAD_HALF_X, 0, 0, 16))),
    (EQUAL, 0, DROP, ICMP),
    (LOAD_BYTE_X, 0, 0, 14),
    *((EQUAL, ACCEPT, 0, kind) for kind in (3, 11, 12)),
    (EQUAL, 0, DROP, 0),
    *_among((LOAD_HALF_X, 0, 0, 18)),
]
_FROM_IPV6 = [
    (LOAD_BYTE, 0, 0, 20),
    *_one_of(_PORTS, _among((LOAD_HALF, 0, 0, 56))),
    (EQUAL, 0, DROP, ICMPV6),
    (LOAD_BYTE, 0, 0, 54),
    # Errors are below 128 (RFC 4443, 2.1), an echo reply is 129.
    (AT_LEAST, 0, ACCEPT, 128),
    (EQUAL, 0, DROP, 129),
    *_among((LOAD_HALF, 0, 0, 58)),
]
