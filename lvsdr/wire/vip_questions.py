"""Questions in a VIP's name, to neighbours that heed no announcement: who asks is remembered.

Routers may be told to drop gratuitous ARP and unsolicited advertisements, or take no second word
within a while. A question that they have to answer they remember the asker of (RFC 826; RFC 4861,
7.2.3). Only the host that holds the VIP may ask so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address
from time import monotonic

from lvsdr.model.address import IPAddress
from lvsdr.wire.frames import arp, neighbour_discovery
from lvsdr.wire.frames.claim_of_frame import claim_on
from lvsdr.wire.pacing import paced
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.socket_group import ethertypes

Pair = tuple[IPAddress, IPAddress]
"""A neighbour, and a VIP that it is told of."""

# Whoever is there answers at once; asked twice, in case a frame is lost.
_ROUNDS, _GAP, _PATIENCE = 2, 0.1, 0.3


def questions(
    mac: str, vips: Iterable[IPAddress], neighbours: Collection[IPAddress]
) -> Iterator[bytes]:
    """Yield the frames that ask each of `neighbours` in the name of each VIP of its family.

    To all hosts, for all that know the VIP already learn from it; each is answered by one alone.
    """
    for vip in vips:
        for neighbour in neighbours:
            if isinstance(vip, IPv4Address):
                if isinstance(neighbour, IPv4Address):
                    yield arp.broadcast(arp.question(mac, vip, neighbour))
            elif not isinstance(neighbour, IPv4Address):
                asked = neighbour_discovery.question(mac, vip, neighbour)
                yield neighbour_discovery.multicast(mac, asked)


def answered(
    link: str, vips: Iterable[IPAddress], neighbours: Collection[IPAddress]
) -> frozenset[Pair]:
    """Ask each of `neighbours` on `link` in the name of each VIP; return which answered to which.

    Ends with the last answer, 0.3 s after the last question at the latest. Raises CannotRun.
    """
    wanted = {(one, vip) for vip in vips for one in neighbours if one.version == vip.version}
    found: set[Pair] = set()
    if not wanted:
        return frozenset()
    asked, known = {vip for _, vip in wanted}, frozenset(neighbours)
    with PacketSocket(link, *ethertypes(known)) as wire:
        start = monotonic()
        for due, frame in paced(tuple(questions(wire.mac, asked, known)), _ROUNDS, _GAP):
            found |= wanted.intersection(_heard(wire, known, start + due))
            if len(found) == len(wanted):
                break
            wire.send(frame)
        until = monotonic() + _PATIENCE
        while len(found) < len(wanted) and monotonic() < until:
            # In steps: with the last answer it is over.
            found |= wanted.intersection(_heard(wire, known, min(until, monotonic() + 0.01)))
    return frozenset(found)


def _heard(wire: PacketSocket, known: frozenset[IPAddress], until: float) -> Iterator[Pair]:
    for frame in wire.frames(until):
        claim = claim_on(known, frame)
        # Our own frame, come back through a loop of the segment, is no answer.
        if claim is not None and claim.to is not None and claim.mac != wire.mac:
            yield claim.address, claim.to
