"""The MAC addresses of the next hops towards real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from itertools import product
from time import monotonic

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.neighbour_claim import Answer
from lvsdr.model.path import RealServerRoute
from lvsdr.wire.frames import arp, ethernet, neighbour_discovery
from lvsdr.wire.frames.claim_of_frame import claim_on
from lvsdr.wire.frames.ethernet import Frame
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.paths.probe_sender import Pair
from lvsdr.wire.socket_group import ethertypes
from lvsdr.wire.who_has import who_has

_NEIGHBOURS = 0.5
_TURNS, _TURN = 2, 0.15
# A host may have many MACs, and a forger invents more: so many are asked.
_MOST = 32

Sources = tuple[IPv4Address | None, IPv6Address | None]


@dataclass(frozen=True, slots=True)
class NextHops:
    """What was heard of the next hops: the MACs of each host, and all that answered for it.

    `lent` are those of `macs` that another claims it for, each after who does; `owned` are the MACs
    that answer as the owner of each.
    """

    macs: Mapping[IPAddress, tuple[str, ...]]
    every: Mapping[IPAddress, frozenset[str]]
    lent: Mapping[IPAddress, tuple[Pair, ...]]
    owned: Mapping[IPAddress, frozenset[str]]
    lost: int = 0

    def same_host(self) -> Iterator[Pair]:
        """Yield each MAC of a next hop with each that has answered for the same next hop."""
        for address, macs in self.macs.items():
            yield from product(macs, self.every[address])


def next_hops(link: str, routes: Iterable[RealServerRoute]) -> NextHops:
    """Return the MAC addresses that answer for the next hop of each of `routes`.

    A next hop has no MAC where nobody answers, several where several hosts do. Raises CannotRun.
    """
    found: dict[IPAddress, list[Answer]] = {route.next_hop: [] for route in routes}
    source4, source6 = sources_of(routes)
    heard_all = who_has(link, found, source4=source4, source6=source6, seconds=_NEIGHBOURS)
    for answer in heard_all.answers:
        found[answer.address].append(answer)
    return NextHops(
        {address: tuple(sorted(macs_of(heard))) for address, heard in found.items()},
        {address: frozenset(each.mac for each in heard) for address, heard in found.items()},
        {address: tuple(sorted(lent(heard))) for address, heard in found.items()},
        {address: owned(heard) for address, heard in found.items()},
        heard_all.lost,
    )


def macs_of(answers: Iterable[Answer]) -> set[str]:
    """Return the MACs that answer for one next hop; of a bond only the one that it gives to us.

    A bond (balance-alb) may answer a probe, whose sender is 0.0.0.0, with another MAC than a
    question of ours. Two hosts, or two links, answer both. And those that one host claims it for,
    and another's they are.
    """
    every = tuple(answers)
    others = {mac for _, mac in lent(every)}
    forms: dict[str, set[str]] = {"own": set(), "probe": set()}
    for answer in every:
        if answer.mac in others:
            continue
        forms.setdefault(answer.form, set()).add(answer.mac)
    if len(forms["own"]) == len(forms["probe"]) == 1:
        return forms["own"] | others
    return others.union(*forms.values())


def owned(answers: Iterable[Answer]) -> frozenset[str]:
    """Return the MACs that answer for one address as its owner does: no proxy, nobody else."""
    return frozenset(answer.mac for answer in answers if answer.as_owner and not answer.sender)


def lent(answers: Iterable[Answer]) -> set[Pair]:
    """Return who claims one next hop for a MAC that does not speak for itself, though others do.

    Where nobody does, it is a bond that sends from another of its MACs, or a gateway.
    """
    every = tuple(answers)
    own = {answer.mac for answer in every if not answer.sender}
    said = {(answer.sender, answer.mac) for answer in every if answer.sender}
    return {pair for pair in said if own and pair[1] not in own}


def vouching(
    link: str, routes: Iterable[RealServerRoute], macs: Mapping[IPAddress, tuple[str, ...]]
) -> Callable[[frozenset[Pair]], frozenset[Pair]]:
    """Return a function that asks a MAC whether it is the next hop that another MAC answered for.

    Of a bond each link sends, and only one answers ARP. What is asked at one MAC alone is answered
    by nobody else.
    """
    sources = sources_of(routes)
    hops = {mac: hop for hop, those in macs.items() for mac in those}

    def vouched(pairs: frozenset[Pair]) -> frozenset[Pair]:
        waiting: dict[IPAddress, list[Pair]] = {}
        for pair in sorted(pairs)[:_MOST]:
            waiting.setdefault(hops[pair[0]], []).append(pair)
        found: set[Pair] = set()
        with PacketSocket(link, *ethertypes(waiting), about=waiting) as wire:
            # One for each next hop at a time: the answer does not say at which MAC it was asked.
            while asked := {hop: each.pop() for hop, each in waiting.items() if each}:
                found |= _vouched(wire, asked, sources)
        return frozenset(found)

    return vouched


def sources_of(routes: Iterable[RealServerRoute]) -> Sources:
    """Return an address of this host of each family, to ask from."""
    found: dict[int, IPAddress] = {}
    for route in routes:
        found.setdefault(route.source.version, route.source)
    return found.get(4), found.get(6)  # type: ignore[return-value]


def unicast_question(mac: str, to: str, hop: IPAddress, sources: Sources) -> bytes:
    """Return the question for `hop`, to one MAC alone."""
    if isinstance(hop, IPv4Address):
        # Nobody asks like this but us: what is answered is answered to this question.
        question = arp.encode(arp.probe(mac, hop))
        return ethernet.encode(Frame(to, mac, ethernet.ARP, question))
    assert sources[1] is not None, "a probe of IPv6 has a source"
    asked = neighbour_discovery.question(mac, sources[1], hop)
    return ethernet.encode(Frame(to, mac, ethernet.IPV6, neighbour_discovery.encode(asked)))


def _vouched(wire: PacketSocket, asked: Mapping[IPAddress, Pair], sources: Sources) -> set[Pair]:
    """Return those of the pairs whose other MAC answers for the next hop."""
    found: set[Pair] = set()
    for _ in range(_TURNS):
        for hop, (_, other) in asked.items():
            wire.send(unicast_question(wire.mac, other, hop, sources))
        for frame in wire.frames(monotonic() + _TURN):
            claim = claim_on(asked.keys(), frame)
            if claim is None or claim.form == "request":
                continue
            pair = asked[claim.address]
            if claim.to == arp.NOBODY or pair[1] in (claim.mac, ethernet.decode(frame).source):
                found.add(pair)
        if len(found) == len(asked):
            break
    return found
