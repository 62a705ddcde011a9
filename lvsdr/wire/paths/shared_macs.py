"""Whether one host has several addresses at its MAC address, or several hosts share that."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from ipaddress import IPv4Address
from itertools import pairwise
from time import monotonic

from lvsdr.model.address import IPAddress
from lvsdr.model.path import SharedMac
from lvsdr.wire.frames import arp, neighbour_discovery
from lvsdr.wire.frames.claim_of_frame import claim_on
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.paths.next_hops import Sources, unicast_question
from lvsdr.wire.socket_group import ethertypes

# A switch sends to the host that spoke last. What others say between turns the one or other around.
_TURNS = 4
_PATIENCE = 0.1
# So many addresses at one MAC are told apart.
_MOST = 16

Owned = Mapping[IPAddress, Collection[str]]
"""The MAC addresses with which the owner of each address answers."""


def shared_macs(link: str, macs: Owned, sources: Sources) -> tuple[SharedMac, ...]:
    """Return the MACs that several hosts of `link` have, with the addresses of these hosts.

    The owner of one address is asked, so that a switch knows where it is, and then the MAC alone
    for another address: one host has both and answers, of two hosts the other one does not hear it.
    Where everything is sent to everybody, they are not told apart. Raises CannotRun.
    """
    suspects = tuple(_suspects(macs, sources))
    if not suspects:
        return ()
    addresses = frozenset(address for _, each in suspects for address in each)
    with PacketSocket(link, *ethertypes(addresses), about=addresses) as wire:
        return tuple(
            (mac, each)
            for mac, each in suspects
            if any(_apart(wire, mac, pair, sources) for pair in pairwise(each))
        )


def _suspects(macs: Owned, sources: Sources) -> Iterator[SharedMac]:
    """Yield the addresses of one family that have one MAC: of both families a host has one."""
    found: dict[tuple[str, int], list[IPAddress]] = {}
    for address, those in macs.items():
        if address.version == 4 or sources[1] is not None:
            for mac in those:
                found.setdefault((mac, address.version), []).append(address)
    for (mac, _), addresses in found.items():
        if len(addresses) > 1:
            yield mac, tuple(addresses[:_MOST])


def _apart(
    wire: PacketSocket, mac: str, pair: tuple[IPAddress, IPAddress], sources: Sources
) -> bool:
    asked = answered = 0
    for turn in range(_TURNS):
        first, second = pair if turn % 2 == 0 else pair[::-1]
        wire.send(_to_all(wire.mac, first, sources))
        if not _hears(wire, first, mac):
            continue
        asked += 1
        wire.send(unicast_question(wire.mac, mac, second, sources))
        answered += _hears(wire, second, mac)
    return 2 * answered < asked


def _to_all(mac: str, address: IPAddress, sources: Sources) -> bytes:
    if isinstance(address, IPv4Address):
        return arp.broadcast(arp.probe(mac, address))
    assert sources[1] is not None, "without a source no address of IPv6 is suspected"
    asked = neighbour_discovery.question(mac, sources[1], address)
    return neighbour_discovery.multicast(mac, asked)


def _hears(wire: PacketSocket, address: IPAddress, mac: str) -> bool:
    """Return whether `mac` says within a moment that it has an address."""
    for frame in wire.frames(monotonic() + _PATIENCE):
        claim = claim_on({address}, frame)
        if claim is not None and claim.mac == mac and claim.form != "request":
            return True
    return False
