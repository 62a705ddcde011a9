"""Ask the next hops of a real server's answers whether they are there, and whether they forward.

A router tells the sender of a packet whose TTL it has used up; a host that does not forward drops
it without a word. So a datagram to a client's address, with a TTL of 1, is sent to the next hop;
where nobody tells, others with more, for some routers keep silent and the next one does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.neighbour_claim import Answer
from lvsdr.model.next_hop import Forwarding, HopAnswer, NextHop
from lvsdr.wire.packet_filters import probe_reply_filter
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.paths.next_hops import macs_of
from lvsdr.wire.paths.probe import Probe, ProbeReply
from lvsdr.wire.paths.probe_ports import own_ports
from lvsdr.wire.paths.probe_sender import Pair, ProbeSender
from lvsdr.wire.who_has import who_has

_NEIGHBOURS, _SOON = 0.5, 0.3
DISCARD = 9
TTLS = range(1, 7)
# Linux sends a host one error a second, after the first six (icmp_ratelimit in icmp(7)).
_LIMIT, _SLOW_ROUNDS, _RATE = 1.1, 2, 200.0
# Of many networks of clients so many are tried, of each next hop.
_TRIED = 3


def ask_gateways(hops: Sequence[NextHop]) -> dict[NextHop, HopAnswer]:
    """Return what each next hop did; raises CannotRun."""
    found: dict[NextHop, HopAnswer] = {}
    for link in dict.fromkeys(hop.link for hop in hops):
        found |= _ask_on(link, [hop for hop in hops if hop.link == link])
    return found


def _ask_on(link: str, hops: Sequence[NextHop]) -> dict[NextHop, HopAnswer]:
    own = {ip.version: ip for hop in hops for ip in reversed(hop.sources)}
    asked = {ip for hop in hops for ip in (hop.address, hop.vip) if ip is not None}
    heard = who_has(
        link,
        asked,
        source4=own.get(4),  # type: ignore[arg-type]
        source6=own.get(6),  # type: ignore[arg-type]
        seconds=_NEIGHBOURS,
    ).answers
    macs = {hop.address: _macs(hop.address, heard) for hop in hops}
    # A proxy for both answers no probe.
    owners = [each for each in heard if each.form == "probe"]
    found = {
        hop: HopAnswer(
            macs[hop.address], director=() if hop.vip is None else _macs(hop.vip, owners)
        )
        for hop in hops
    }
    tried = {hop: probes for hop in hops if (probes := tuple(_probes(hop, macs[hop.address])))}
    if not tried:
        return found
    fates = _fates(link, tried)
    return {hop: _with_fate(said, fates.get(hop)) for hop, said in found.items()}


def _macs(address: IPAddress, heard: Iterable[Answer]) -> tuple[str, ...]:
    return tuple(sorted(macs_of(each for each in heard if each.address == address)))


def _with_fate(said: HopAnswer, fate: Forwarding | None) -> HopAnswer:
    return said if fate is None else HopAnswer(said.macs, fate, said.director)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A datagram towards one client's address; `source` is this host's own."""

    towards: IPAddress
    source: IPAddress
    mac: str

    def probe(self, ttl: int) -> Probe:
        return Probe("udp", self.source, self.towards, DISCARD, self.mac, ttl)


def _probes(hop: NextHop, macs: Sequence[str]) -> Iterable[_Trial]:
    """Yield what is to be tried, of networks in turn; nothing without an address to send from."""
    if not hop.gateway or not macs:
        return
    for client in hop.towards[:_TRIED]:
        own = (ip for ip in hop.sources if ip.version == client.version and not ip.is_link_local)
        if (source := next(own, None)) is not None:
            yield _Trial(client, source, macs[0])


def _fates(link: str, tried: Mapping[NextHop, Sequence[_Trial]]) -> dict[NextHop, Forwarding]:
    trials = [each for several in tried.values() for each in several]
    with own_ports() as ports, PacketSocket(link, only=probe_reply_filter(ports)) as wire:
        wire.wait_for_carrier()
        # Each link of a router may tell, and whatever is behind it: a probe's number is secret.
        sender = ProbeSender(wire, ports, _RATE, (), _anybody)
        first = {each: each.probe(TTLS[0]) for each in trials}
        replies = sender.replies_to(first.values(), seconds=_SOON, rounds=2)
        for _ in range(_SLOW_ROUNDS):
            silent = [each for each in trials if _fate(each, replies) == "silent"]
            later = [each.probe(ttl) for each in silent for ttl in TTLS]
            replies |= sender.replies_to(later, seconds=_LIMIT, rounds=1)
    return {hop: _whole(_fate(each, replies) for each in several) for hop, several in tried.items()}


def _anybody(pairs: frozenset[Pair]) -> frozenset[Pair]:
    return pairs


def _fate(trial: _Trial, replies: Mapping[Probe, ProbeReply]) -> Forwarding:
    near = replies.get(trial.probe(TTLS[0]))
    if near is not None and near.kind == "unreachable":
        return "unreachable"
    # Whatever is told, by whomever: somebody has passed it on, or would have.
    return "shown" if any(trial.probe(ttl) in replies for ttl in TTLS) else "silent"


def _whole(fates: Iterable[Forwarding]) -> Forwarding:
    """Return the fate of a next hop: one packet that it passes on shows that it forwards."""
    seen = set(fates)
    order: tuple[Forwarding, ...] = ("unreachable", "shown", "silent")
    return next(each for each in order if each in seen)
