"""The services of a director, asked by a host that is a client: of the segment, or from beyond."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.late_dataclasses import dataclass, replace
from lvsdr.model.neighbour_claim import Answer
from lvsdr.model.profile import DirectorProfile
from lvsdr.model.service_proof import (
    UDP_PORTS,
    FirstPackets,
    ServiceProof,
    ServiceReply,
    Unasked,
)
from lvsdr.proof.client_place import own_addresses, source_towards
from lvsdr.proof.segment_hosts import Segment, owning_macs
from lvsdr.rules.segment.answering_hosts import answers_by_address, director_macs
from lvsdr.rules.segment.mac_owners import MacOwners

FirstAsk = Callable[[str, Sequence[FirstPackets]], Sequence[Sequence[ServiceReply]]]
"""Send first packets out of a link, and return the replies to each."""
Connect = Callable[[Sequence[tuple[IPAddress, int]], int], Sequence[Sequence[ServiceReply]]]
"""Connect to each address and port so many times, and return the replies to each."""

Macs = Mapping[IPAddress, frozenset[str]]
Asked = tuple[ServiceProof, FirstPackets | None]

# A forger may claim a VIP for any number of MACs.
_DIRECTORS = 4
# Some of each service, more of one with many real servers; of many services fewer each.
_FEWEST, _MOST, _PINNED = 4, 64, 3
_BUDGET, _CONNECTIONS = 4096, 2048
# Director, host of a container, container: farther no real server of direct routing can be, and
# what goes round because nobody has the VIP ends soon.
_NEAR, _FAR = 4, 64
_HASHED = frozenset({"sh", "dh", "mh", "lblc", "lblcr"})
_FIRST_ONLY = frozenset({"fo", "ovf"})
# linux/ip_vs.h: IP_VS_SVC_F_SCHED2, the client's port counts as well.
_WITH_PORT = 0x10


def ask_on_segment(
    profile: DirectorProfile,
    segment: Segment,
    heard: frozenset[Answer],
    owners: MacOwners,
    ask: FirstAsk,
) -> tuple[ServiceProof, ...]:
    """Return what became of first packets to each service, at each director that was `heard`."""
    asked = tuple(_Asking(profile, segment, heard, owners).all())
    sent = [packets for _, packets in asked if packets is not None]
    replies = iter(ask(segment.link, sent) if sent else ())
    return tuple(
        proof if packets is None else replace(proof, replies=tuple(next(replies)))
        for proof, packets in asked
    )


def ask_from_beyond(
    profile: DirectorProfile, times: int, connect: Connect
) -> tuple[ServiceProof, ...]:
    """Return what became of so many connections to each service of TCP; fewer of many services."""
    services = [server.service for server in profile.virtual_servers]
    why = {service: _unasked(service, ("tcp",)) for service in services}
    targets = [
        (service.vip, service.port) for service in services if service.vip and not why[service]
    ]
    each = max(1, min(times, _CONNECTIONS // max(1, len(targets))))
    replies = iter(connect(targets, each) if targets else ())
    return tuple(
        ServiceProof(service, unasked=why[service])
        if why[service]
        else ServiceProof(service, tuple(next(replies)))
        for service in services
    )


@dataclass(slots=True)
class _Asking:
    """What each service of a profile is to be asked on a segment, as this host heard it."""

    profile: DirectorProfile
    segment: Segment
    heard: frozenset[Answer]
    owners: MacOwners

    def all(self) -> Iterator[Asked]:
        """Yield the proof without replies of each service, and what to send for it."""
        rip_macs, directors = self._rip_macs(), self._directors()
        # Each of them looks at all addresses: once, not for each service.
        own = own_addresses(self.profile, self.segment.link, self.segment.host)
        held = self.segment.host.ips
        of_service: dict[Service, list[RealServer]] = {}
        for real_server in self.profile.real_servers:
            of_service.setdefault(real_server.service, []).append(real_server)
        most = _BUDGET // max(1, len(self.profile.virtual_servers))
        for server in self.profile.virtual_servers:
            service = server.service
            macs = directors.get(service.vip, ()) if service.vip else ()
            source = source_towards(service, of_service.get(service, ()), own)
            known = ("tcp", "sctp", *(("udp",) if service.port in UDP_PORTS else ()))
            why = _unasked(service, known) or _unasked_here(service, macs, source, held)
            if why:
                yield ServiceProof(service, unasked=why), None
                continue
            assert service.vip and source, "without them it is not asked"
            for mac in macs:
                there = _There(server, of_service.get(service, ()), mac, rip_macs, self.segment)
                yield there.proof(), there.packets(source, service.vip, max(1, most))

    def _directors(self) -> dict[IPAddress, tuple[str, ...]]:
        """Return the MACs at which each VIP is to be asked for."""
        spoken = answers_by_address(self.heard)
        found = {}
        for vip in self.profile.vips:
            hosts = director_macs(vip, spoken.get(vip, ()), self.owners)
            found[vip] = tuple(sorted(mac for macs in hosts for mac in macs))[:_DIRECTORS]
        return found

    def _rip_macs(self) -> Macs:
        """Return the MACs that answer for each RIP as its owner does; of some RIPs it is one."""
        spoken = answers_by_address(self.heard)
        return {
            rip: frozenset(owning_macs(spoken.get(rip, ()), (rip,))) for rip in self.profile.rips
        }


@dataclass(slots=True)
class _There:
    """One service at one director, and its real servers."""

    server: VirtualServer
    real_servers: Sequence[RealServer]
    director: str
    rip_macs: Macs
    segment: Segment

    def proof(self) -> ServiceProof:
        """Return the proof, still without replies."""
        owners: dict[str, tuple[IPAddress, ...]] = {}
        for rip in dict.fromkeys(each.rip for each in self.real_servers):
            for mac in self.rip_macs[rip]:
                owners[mac] = (*owners.get(mac, ()), rip)
        # What it forwards to itself, or back in its own name, is the director's answer.
        owners.pop(self.director, None)
        return ServiceProof(
            self.server.service,
            director=self.director,
            expected=self._expected(),
            owners=owners,
            pinned=self._pinned(),
        )

    def packets(self, source: IPAddress, vip: IPAddress, limit: int) -> FirstPackets:
        """Return what to send: enough to meet each real server, where the scheduler lets us."""
        service = self.server.service
        fewest, most = self._how_many()
        near = all(each.forwarding_method == "dr" for each in self.real_servers)
        return FirstPackets(
            service.protocol,
            source,
            vip,
            service.port,
            self.director,
            _NEAR if near else _FAR,
            min(fewest, limit),
            min(most, limit),
            self._to_meet(),
        )

    def _how_many(self) -> tuple[int, int]:
        if self._pinned():
            return _PINNED, _PINNED
        weights = [each.weight for each in self.real_servers if each.weight > 0] or [1]
        fewest = min(_MOST, max(_FEWEST, 2 * len(weights)))
        most = min(_MOST, max(4 * fewest, 2 * -(-sum(weights) // min(weights))))
        # One that cannot be met is not waited for, but it may have been given requests.
        silent = any(not self.rip_macs[rip] for rip in self._expected())
        return (most if silent else fewest), most

    def _to_meet(self) -> frozenset[str]:
        if self._pinned():
            return frozenset()
        one = (self.rip_macs[rip] for rip in self._expected() if len(self.rip_macs[rip]) == 1)
        return frozenset().union(*one)

    def _expected(self) -> tuple[IPAddress, ...]:
        """Return the real servers that answer by themselves, new connections being sent there."""
        return tuple(
            dict.fromkeys(
                each.rip
                for each in self.real_servers
                if each.weight > 0 and each.forwarding_method in ("dr", "tunnel")
                if self.director not in self.rip_macs[each.rip] and self._can_be_told(each)
            )
        )

    def _can_be_told(self, each: RealServer) -> bool:
        """Return whether it has a MAC here, or would have one: not behind a router."""
        own = self.segment.host.addresses_of(self.segment.link)
        return bool(self.rip_macs[each.rip]) or any(each.rip in ip.network for ip in own)

    def _pinned(self) -> str:
        server = self.server
        if server.persistence is not None:
            return "persistence"
        by_port = server.scheduler in ("sh", "mh") and server.flags & _WITH_PORT
        return server.scheduler if server.scheduler in _HASHED | _FIRST_ONLY and not by_port else ""


def _unasked(service: Service, protocols: Sequence[str]) -> Unasked:
    """Return why a service cannot be asked from anywhere."""
    if service.vip is None:
        return "fwmark"
    if service.protocol not in protocols:
        return "protocol"
    return "" if service.port else "every-port"


def _unasked_here(
    service: Service,
    macs: Sequence[str],
    source: IPAddress | None,
    held: Collection[IPAddress],
) -> Unasked:
    """Return why a service cannot be asked by this host, which has the addresses of `held`."""
    if service.vip in held:
        return "held"
    if not macs:
        return "nobody"
    return "" if source else "no-source"
