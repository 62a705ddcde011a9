"""The way back: by which route, link and gateway a real server answers clients in a VIP's name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.host import Host, HostLink
from lvsdr.model.late_dataclasses import dataclass, replace
from lvsdr.model.next_hop import NextHop
from lvsdr.model.profile import Profile, RealServerProfile
from lvsdr.model.route_lookup import Hop, Packet, RouteTo
from lvsdr.rules.host.client_samples import Sample, samples

# So many look-ups at most: all VIPs for each network of clients, one VIP for the parts of these.
_MOST = 4000
_NOWHERE = {
    "unreachable": "there is no route, or it leads nowhere",
    "prohibit": "a rule or a route prohibits it",
    "blackhole": "a blackhole route takes them",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What this host sends from `vip` to the clients that `sample` stands for."""

    vip: IPAddress
    sample: Sample
    packet: Packet


def answers(profile: RealServerProfile, host: Host) -> tuple[Answer, ...]:
    """Return the answers whose routes are looked up; of VIPs that are held."""
    return tuple(islice(_answers(profile, host), _MOST))


def _answers(profile: RealServerProfile, host: Host) -> Iterator[Answer]:
    held, seen = host.ips, set[int]()
    for vip in (
        vip for vip in profile.vips if vip in held and _has_rip(vip.version, profile, host)
    ):
        first = vip.version not in seen
        seen.add(vip.version)
        for sample in samples(profile, vip.version, host):
            if first or sample.told:
                yield Answer(vip, sample, answer_packet(vip, sample.address, profile, host))


def _has_rip(version: int, profile: RealServerProfile, host: Host) -> bool:
    """Return whether the host may be a RIP of a family: else it is sent none of its packets."""
    own = (ip for ip in host.ips if ip.version == version and ip not in profile.vips)
    return any(not (ip.is_loopback or ip.is_link_local) for ip in own)


def answer_packet(vip: IPAddress, client: IPAddress, profile: Profile, host: Host) -> Packet:
    """Return what answers `client` from `vip`; a socket of a VRF's link is bound to the VRF."""
    link = host.links.get(profile.interface)
    return Packet(client, vip, leaving=None if link is None else link.vrf)


def packets(profile: RealServerProfile, host: Host) -> Iterator[Packet]:
    """Yield the packets whose routes are looked up."""
    for each in answers(profile, host):
        yield each.packet
        # Whether it is the VIP that has no way, by a rule, or the host.
        yield replace(each.packet, source=None)


def ways_back(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield the clients whom no answer reaches, and those who get it by another link."""
    told: set[tuple[str, str]] = set()
    for each in (each for each in answers(profile, host) if each.sample.told):
        for finding in _judged(each, profile, host):
            # The same of each VIP is told once.
            key = finding.rule, f"{finding.subject} {each.sample.network}"
            if key not in told:
                told.add(key)
                yield finding


def _judged(each: Answer, profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    route = host.routes[each.packet]
    if route.kind in _NOWHERE:
        yield _no_way(each, _why(each, route, host), profile)
    if route.kind != "unicast":
        return
    for hop in route.hops:
        link = host.links.get(hop.link or "")
        if link is None or is_near(each.sample.address, hop, host):
            continue
        if not link.up or nobody_behind(link):
            state = "has nobody behind it" if link.up else "is down"
            yield _no_way(each, f"they leave through {link.name}, which {state}", profile)
        elif profile.rp_filter is None and not host.same_segment(link.name, profile.interface):
            yield _elsewhere(each, hop, profile)


def nobody_behind(link: HostLink) -> bool:
    """Return whether what leaves through a link ends there."""
    return link.loopback or link.link_kind == "dummy"


def _why(each: Answer, route: RouteTo, host: Host) -> str:
    own = host.routes[replace(each.packet, source=None)]
    if own.kind == "unicast":
        return f"{_NOWHERE[route.kind]} for what comes from {each.vip}, though there is for others"
    return _NOWHERE[route.kind]


def _no_way(each: Answer, why: str, profile: RealServerProfile) -> Finding:
    version = each.vip.version
    beyond = "" if profile.clients else " beyond this segment"
    return Finding(
        "NO-WAY-BACK",
        ERROR,
        profile.interface,
        f"answers from {each.vip} do not reach {each.sample.clients}{beyond}: {why}",
        vip=each.vip,
        look=f"ip -{version} route show table all, ip -{version} rule: a way to the clients, for"
        " most hosts a default route by the segment's router; if clients are in certain networks"
        ' only, name these in "clients" of the profile',
    )


def _elsewhere(each: Answer, hop: Hop, profile: RealServerProfile) -> Finding:
    via = f" by {hop.gateway}" if hop.gateway else ""
    return Finding(
        "WAY-BACK-ELSEWHERE",
        WARNING,
        str(hop.link),
        f"answers from {each.vip} to {each.sample.clients} leave through {hop.link}{via}, requests"
        f" arrive on {profile.interface}: a router there has to let pass what comes from a VIP",
        vip=each.vip,
        look="that router's filters against foreign sources (uRPF) and its firewall's states; where"
        ' it is meant so, write "rp_filter": 2 in the profile, which also keeps this host from'
        " dropping such requests",
    )


def is_near(client: IPAddress, hop: Hop, host: Host) -> bool:
    """Return whether a client is a neighbour, who is asked for by himself."""
    own = host.addresses_of(hop.link or "")
    return hop.gateway is None and any(client in ip.network for ip in own)


def next_hops(profile: RealServerProfile, host: Host) -> tuple[NextHop, ...]:
    """Return the neighbours to which answers go, each once, on links on which one can ask."""
    found: dict[tuple[str, IPAddress], NextHop] = {}
    for each in (each for each in answers(profile, host) if each.sample.told):
        route = host.routes[each.packet]
        for hop in route.hops if route.kind == "unicast" else ():
            new = _next_hop(each, hop, profile, host)
            if new is not None:
                known = found.setdefault((new.link, new.address), new)
                found[new.link, new.address] = replace(
                    known,
                    clients=tuple(dict.fromkeys((*known.clients, *new.clients))),
                    towards=tuple(dict.fromkeys((*known.towards, *new.towards))),
                )
    return tuple(found.values())


def _next_hop(each: Answer, hop: Hop, profile: RealServerProfile, host: Host) -> NextHop | None:
    client, link = each.sample.address, hop.link or ""
    # Of a network that the profile names it is not known who is there.
    unknown = hop.gateway is None and bool(profile.clients)
    if not host.speaks_arp(link) or nobody_behind(host.links[link]):
        return None
    if unknown or is_near(client, hop, host):
        return None
    own = (ip.ip for ip in host.addresses_of(link) if ip.ip not in profile.vips)
    asked = host.same_segment(link, profile.interface) and each.vip.version == 4
    return NextHop(
        link=link,
        address=hop.gateway or client,
        gateway=hop.gateway is not None,
        clients=(each.sample.clients,),
        towards=(client,),
        named=bool(profile.clients),
        sources=tuple(own),
        vip=each.vip if asked else None,
    )
