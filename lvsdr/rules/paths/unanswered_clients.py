"""Clients whose connections never got further than the first packet, at one real server alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from lvsdr.model.address import IPAddress, endpoint
from lvsdr.model.client_connections import ClientTally, ConnectionsSeen, Conversation, Way
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.path import PathVerdict, Proof
from lvsdr.model.profile import DirectorProfile

# Fewer than these may be clients that went away.
ENOUGH = 5
_SHOWN = 3
_MEANINGS = {
    frozenset({True}): (
        "clients beyond the segment",
        "its answers do not reach clients beyond the gateway: default route, firewall",
    ),
    frozenset({False}): (
        "clients of the segment",
        "its answers do not reach clients of the segment: firewall",
    ),
    frozenset({True, False}): (
        "clients of the segment and beyond",
        "its answers reach no client: firewall, or the service takes no more connections",
    ),
}

Ask = tuple[str, IPAddress, int]
"""What clients ask for: protocol, VIP and port."""
Tallies = Mapping[IPAddress, ClientTally]
"""Those of one service and one side, by RIP."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One service at one real server, which answers none of its clients on one side.

    `beyond` is whether that is beyond the segment, `proven` whether the real server serves what the
    director sends it, `number` how many had no answer. `alone` is the
    client where there is one only, and nobody answers it. `compared` are real servers that answer
    such clients meanwhile; `again` is how many clients asked a second time before our eyes: those
    that only flood do not.
    """

    ask: Ask
    rip: IPAddress
    beyond: bool
    proven: bool
    number: int
    client: IPAddress | None
    alone: bool
    compared: tuple[IPAddress, ...]
    again: int

    @property
    def sure(self) -> bool:
        return not self.alone and bool(self.compared or self.again)


def findings(
    profile: DirectorProfile,
    host: Host,
    seen: ConnectionsSeen,
    proofs: Sequence[Proof],
    again: Collection[Conversation] = (),
) -> Iterator[Finding]:
    """Yield the real servers that answer none of their clients, as the connections tell.

    `again` are clients that asked a second time. Where a path does not serve, that is told already,
    and is why. A flood of first packets from clients that are none looks the same at all real
    servers: then none of them is named.
    """
    if not any(tally.since_last_answer >= ENOUGH for tally in seen.tallies.values()):
        return
    forwarding = Forwarding(profile, host, proofs)
    waiting = Counter(
        (_asked(each), found.rip)
        for each in again
        if (found := seen.found.get(each)) is not None and found.state == "SYN_RECV"
    )
    suspected: dict[IPAddress, list[Suspicion]] = {}
    for (ask, beyond), tallies in _by_service(seen, forwarding).items():
        for each in _suspected(ask, beyond, tallies, forwarding, waiting):
            suspected.setdefault(each.rip, []).append(each)
    for suspicions in suspected.values():
        yield _finding(suspicions, seen)


class Forwarding:
    """Which real servers get what clients ask for, directly or through a tunnel, and serve it."""

    def __init__(self, profile: DirectorProfile, host: Host, proofs: Sequence[Proof]) -> None:
        services = {server.service for server in profile.virtual_servers}
        self._servers: set[tuple[object, ...]] = set()
        for server in host.real_servers:
            if server.service in services and _is_sent_clients(server):
                service = server.service
                place = (service.protocol, service.vip, service.port)
                self._servers.add((*(place if service.vip else ("fwmark",)), server.rip))
        self._proofs: dict[tuple[object, ...], set[PathVerdict | None]] = {}
        for proof in proofs:
            path = proof.path
            key = (path.service.protocol, path.rip, path.vip, path.port)
            self._proofs.setdefault(key, set()).add(proof.verdict)

    def has(self, way: Way) -> bool:
        """Return whether what is seen on a way says something of its real server."""
        places = (
            (way.protocol, way.vip, way.port, way.rip),
            (way.protocol, way.vip, 0, way.rip),
            ("fwmark", way.rip),
        )
        known = way.protocol == "tcp" and any(place in self._servers for place in places)
        return known and self._verdicts(way[:3], way.rip) <= {None, "served"}

    def proven(self, ask: Ask, rip: IPAddress) -> bool:
        """Return whether a probe has shown that the real server serves it."""
        return "served" in self._verdicts(ask, rip)

    def _verdicts(self, ask: Ask, rip: IPAddress) -> set[PathVerdict | None]:
        protocol, vip, port = ask
        return {
            verdict
            for name in (protocol, "fwmark")
            for number in (port, 0)
            for verdict in self._proofs.get((name, rip, vip, number), ())
        }


def _is_sent_clients(server: RealServer) -> bool:
    return server.weight > 0 and server.forwarding_method in ("dr", "tunnel")


def _by_service(
    seen: ConnectionsSeen, sent_to: Forwarding
) -> dict[tuple[Ask, bool], dict[IPAddress, ClientTally]]:
    found: dict[tuple[Ask, bool], dict[IPAddress, ClientTally]] = {}
    for way, tally in seen.tallies.items():
        if sent_to.has(way):
            ask = (way.protocol, way.vip, way.port)
            found.setdefault((ask, way.beyond), {})[way.rip] = tally
    return found


def _suspected(
    ask: Ask,
    beyond: bool,
    tallies: Tallies,
    forwarding: Forwarding,
    waiting: Mapping[tuple[Ask, IPAddress], int],
) -> Iterator[Suspicion]:
    silent = {rip: each for rip, each in tallies.items() if each.since_last_answer >= ENOUGH}
    others = [(rip, each) for rip, each in tallies.items() if rip not in silent]
    answering = {rip: each for rip, each in others if each.recent}
    served = frozenset(client for each in answering.values() for client in each.served)
    for rip, tally in silent.items():
        if answering and not _stands_out(tally, [each for _, each in others]):
            continue
        # It has answered some while others had no answer: as in a flood, or on a lossy line.
        if not answering and tally.without_answer - tally.since_last_answer >= ENOUGH:
            continue
        yield Suspicion(
            ask,
            rip,
            beyond,
            forwarding.proven(ask, rip),
            tally.since_last_answer,
            min(tally.askers, key=int, default=None),
            len(tally.askers) == 1 and not tally.askers & served,
            tuple(answering),
            waiting.get((ask, rip), 0),
        )


def _stands_out(tally: ClientTally, others: Sequence[ClientTally]) -> bool:
    """Return whether it would have answered some of so many, were it like the others."""
    answered = sum(each.recent for each in others)
    unanswered = sum(each.without_answer for each in others)
    return tally.since_last_answer * answered >= ENOUGH * max(1, unanswered)


def _finding(found: Sequence[Suspicion], seen: ConnectionsSeen) -> Finding:
    rip, vip = found[0].rip, found[0].ask[1]
    whose, meaning = _MEANINGS[frozenset(each.beyond for each in found)]
    if not all(each.proven for each in found):
        meaning = f"it does not take in what it is sent, which no probe has shown, or {meaning}"
    sure = any(each.sure for each in found)
    client = next((each.client for each in found if each.client is not None), "CLIENT")
    save = "iptables-save" if vip.version == 4 else "ip6tables-save"
    return Finding(
        "PATH-CLIENTS-UNANSWERED",
        ERROR if sure else WARNING,
        str(rip),
        f"real server {rip}: none of the last {sum(each.number for each in found)} connections of"
        f" {whose} got further than the first packet{_compared(found)}: {meaning}{_doubt(found)}"
        f" ({_services(found)}; {seen.extent})",
        vip=vip if len({each.ask[1] for each in found}) == 1 else None,
        rip=rip,
        look=f"ip route get {client} from {vip}; nft list ruleset; {save}",
        on=str(rip),
    )


def _compared(found: Sequence[Suspicion]) -> str:
    """Return who answers such clients meanwhile."""
    names = [str(rip) for rip in dict.fromkeys(rip for each in found for rip in each.compared)]
    if not names:
        return ""
    return f", those of {listed(names)} do"


def _doubt(found: Sequence[Suspicion]) -> str:
    """Return what else it may be."""
    if any(each.sure for each in found):
        return ""
    client = next((each.client for each in found if each.alone), None)
    if client is not None:
        return f"; or it is {client}, the only client, that hears no answers"
    return "; or these are no clients, only a flood: there is no real server to compare with"


def _services(found: Sequence[Suspicion]) -> str:
    asks = dict.fromkeys(each.ask for each in found)
    return listed([f"{protocol} {endpoint(vip, port)}" for protocol, vip, port in asks])


def listed(names: Sequence[str]) -> str:
    """Return the first of many names, and how many more there are."""
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return ", ".join((*names[:_SHOWN], *more))


def _asked(each: Conversation) -> Ask:
    return each.protocol, each.vip, each.port
