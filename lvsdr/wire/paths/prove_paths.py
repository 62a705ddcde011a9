"""Prove paths: a probe takes each of them, as a client's request would, and what comes back counts.

TTL 1 keeps a probe from going on where the VIP is missing; 2, where the RIP itself is one hop away:
a container behind proxy ARP of its host. The director's own IPVS never sees one:
it goes out by a packet socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic, sleep

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import Answer
from lvsdr.model.path import Approach, Path, Proof
from lvsdr.model.tunnel import Tunnel
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.paths.exchange import Exchange
from lvsdr.wire.paths.own_ports import answer_filter, own_ports
from lvsdr.wire.paths.probe import Probe, Reply
from lvsdr.wire.paths.probe_ways import LAST_HOP, Way
from lvsdr.wire.paths.verdicts import Heard, judge
from lvsdr.wire.who_has import who_has

Ways = Mapping[IPAddress, Way]
Replies = dict[Probe, Reply]
Pair = tuple[IPAddress | None, IPAddress, str, Tunnel]
Lost = dict[Pair, Reply]

_NEIGHBOURS = 0.5
# Linux sends a host one error a second, after the first six (icmp_ratelimit in icmp(7)).
_LIMIT = 1.1
_LIMITED_ROUNDS = 10
# How much of the work is asking the service; the rest is done where that does not say enough.
_MOST = 0.8


@dataclass(frozen=True, slots=True)
class Pace:
    """Probes a second, seconds to listen after the last, and whom to tell the fraction done."""

    rate: float
    seconds: float
    tell: Callable[[float], None]


def prove(
    paths: Sequence[Path],
    approaches: Iterable[Approach],
    *,
    rate: float = 1000,
    seconds: float = 1.0,
    progress: Callable[[float], None] | None = None,
) -> tuple[Proof, ...]:
    """Return what became of a probe on each of `paths` whose RIP is among `approaches`.

    Sends `rate` probes a second, each up to three times, and listens
    `seconds` after the last. `progress` is called with the fraction done, up
    to 1.0. Raises CannotRun.
    """
    by_link: dict[str, dict[IPAddress, Approach]] = {}
    for approach in approaches:
        by_link.setdefault(approach.link, {})[approach.rip] = approach
    proofs: list[Proof] = []
    for done, near in enumerate(by_link.values()):
        on_link = [path for path in paths if path.rip in near]
        tell = partial(_tell, progress, done, len(by_link))
        proofs += _prove_on_link(on_link, near, Pace(rate, seconds, tell))
    return tuple(proofs)


def _prove_on_link(
    paths: Sequence[Path], approaches: Mapping[IPAddress, Approach], pace: Pace
) -> list[Proof]:
    link = next(iter(approaches.values())).link
    macs = _next_hops(link, approaches.values())
    there = {
        rip: Way(approach, macs[approach.next_hop][0])
        for rip, approach in approaches.items()
        # A router may have several, and each of them will do (VRRP).
        if len(macs[approach.next_hop]) == 1 or (approach.routed and macs[approach.next_hop])
    }
    reachable = [path for path in paths if path.rip in there]
    with own_ports() as ports, PacketSocket(link, only=answer_filter(ports)) as wire:
        wire.wait_for_carrier()
        heard = _ask(Exchange(wire, ports, pace.rate), reachable, there, pace)
        wire.wait_for_carrier()
    return [
        _proof(path, approaches[path.rip], macs[approaches[path.rip].next_hop], heard.get(path))
        for path in paths
    ]


def _tell(progress: Callable[[float], None] | None, done: int, links: int, fraction: float) -> None:
    if progress is not None:
        progress((done + fraction) / links)


def _proof(path: Path, approach: Approach, macs: tuple[str, ...], heard: Heard | None) -> Proof:
    gateway = approach.next_hop if approach.routed else None
    if heard is not None:
        segment = None if heard.service is None else heard.service.segment
        verdict = judge(path, heard, routed=approach.routed)
        return Proof(path, *verdict, gateway, macs, segment=segment, mtu=approach.mtu)
    return Proof(path, "duplicate-rip" if macs else "down", "", gateway, macs)


def _next_hops(link: str, approaches: Iterable[Approach]) -> dict[IPAddress, tuple[str, ...]]:
    """Return the MAC addresses that answer for each next hop."""
    found: dict[IPAddress, list[Answer]] = {}
    sources: dict[int, IPAddress] = {}
    for approach in approaches:
        found[approach.next_hop] = []
        sources.setdefault(approach.source.version, approach.source)
    answers = who_has(
        link,
        found,
        source4=sources.get(4),  # type: ignore[arg-type]
        source6=sources.get(6),  # type: ignore[arg-type]
        seconds=_NEIGHBOURS,
    )
    for answer in answers:
        found[answer.address].append(answer)
    return {address: tuple(sorted(macs_of(heard))) for address, heard in found.items()}


def macs_of(heard: Iterable[Answer]) -> set[str]:
    """Return the MACs of a next hop; of a bond the one that it gives to us.

    A bond (balance-alb) may give the probe's asker, who is nobody, another MAC than us. Two hosts,
    or two links, answer each form both.
    """
    forms: dict[str, set[str]] = {"own": set(), "probe": set()}
    for answer in heard:
        forms.setdefault(answer.form, set()).add(answer.mac)
    if len(forms["own"]) == len(forms["probe"]) == 1:
        return forms["own"]
    return set().union(*forms.values())


def _ask(
    exchange: Exchange,
    paths: Sequence[Path],
    ways: Ways,
    pace: Pace,
) -> dict[Path, Heard]:
    service = {path: ways[path.rip].service(path) for path in paths}
    replies = exchange.ask(
        service.values(), seconds=pace.seconds, progress=lambda sent: pace.tell(sent * _MOST)
    )
    unasked = _ask_limited(exchange, service, replies)
    replies |= exchange.ask(_doubts(service, replies, ways), seconds=pace.seconds)
    # Who answers no echo may still answer at the port.
    mute = (path for path in service if service[path] not in replies)
    mute = (path for path in mute if ways[path.rip].rip() not in replies)
    replies |= exchange.ask(_some(ways[path.rip].port(path) for path in mute), seconds=pace.seconds)
    pace.tell(1.0)
    lost = _lost(service, replies)
    heard = {
        path: _heard(path, ways[path.rip], replies, lost, limited=probe in unasked)
        for path, probe in service.items()
    }
    behind = [path for path in paths if _stands_behind(ways[path.rip], heard[path])]
    return heard | _ask(exchange, behind, _further(behind, ways), pace) if behind else heard


def _stands_behind(way: Way, heard: Heard) -> bool:
    """Return whether another host, a proxy for the RIP, forwards what is for the real server."""
    near = way.hops == LAST_HOP and not way.approach.routed
    return near and heard.rip is not None and heard.rip.kind == "expired"


def _further(paths: Iterable[Path], ways: Ways) -> dict[IPAddress, Way]:
    """Return the ways with room for one host in between: a container's."""
    return {path.rip: replace(ways[path.rip], hops=LAST_HOP + 1) for path in paths}


def _ask_limited(
    exchange: Exchange, service: Mapping[Path, Probe], replies: Replies
) -> frozenset[Probe]:
    """Ask again, slowly, those hosts that have sent errors and might have sent more.

    Their replies go into `replies`. Returns the probes whose silence still
    says nothing.
    """
    sending = {path.rip for path, probe in service.items() if _is_error(replies.get(probe))}
    lost = _lost(service, replies)
    queues: dict[IPAddress, dict[object, Probe]] = {}
    for path, probe in service.items():
        if path.rip in sending and probe not in replies and _pair(path) not in lost:
            # A port is closed by itself, a VIP is missing for all of them.
            each = path if path.service.protocol == "udp" else _pair(path)
            queues.setdefault(path.rip, {}).setdefault(each, probe)
    waiting = [list(queue.values()) for queue in queues.values()]
    for _ in range(_LIMITED_ROUNDS):
        batch = [queue.pop(0) for queue in waiting if queue]
        if not batch:
            break
        start = monotonic()
        replies |= exchange.ask(batch, seconds=_LIMIT, rounds=1)
        sleep(max(0.0, start + _LIMIT - monotonic()))
    return frozenset(probe for queue in waiting for probe in queue)


def _doubts(service: Mapping[Path, Probe], replies: Replies, ways: Ways) -> Iterator[Probe]:
    """Yield what has to be asked where the replies do not say enough."""
    for path, probe in service.items():
        way, reply = ways[path.rip], replies.get(probe)
        if reply is None:
            yield from _some((way.vip(path), way.rip(), way.tunnel(path)))
        elif reply.kind in ("closed", "port", "protocol"):
            yield from _some((way.port(path),))
        elif reply.kind == "expired":
            # From the real server itself, or from a host before it, where the RIP is no nearer.
            yield way.rip()


def _heard(path: Path, way: Way, replies: Replies, lost: Lost, *, limited: bool) -> Heard:
    def reply(probe: Probe | None) -> Reply | None:
        return None if probe is None else replies.get(probe)

    return Heard(
        service=reply(way.service(path)),
        vip=reply(way.vip(path)) or lost.get(_pair(path)),
        rip=reply(way.rip()),
        port=reply(way.port(path)),
        tunnel=reply(way.tunnel(path)),
        limited=limited,
    )


def _lost(service: Mapping[Path, Probe], replies: Replies) -> Lost:
    """Return the replies that say that a host has no such VIP."""
    found = ((path, replies.get(probe)) for path, probe in service.items())
    return {
        _pair(path): reply
        for path, reply in found
        if reply is not None and reply.kind in ("expired", "unreachable")
    }


def _pair(path: Path) -> Pair:
    return path.vip, path.rip, path.method, path.tunnel


def _is_error(reply: Reply | None) -> bool:
    return reply is not None and reply.kind not in ("open", "closed")


def _some(probes: Iterable[Probe | None]) -> Iterator[Probe]:
    return (probe for probe in probes if probe is not None)
