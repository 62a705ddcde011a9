"""The paths of a director, seen from this host: how each can be probed, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lvsdr.model.address import IPAddress
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer
from lvsdr.model.path import Path, PathDetail, Proof, RealServerRoute
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.model.route_lookup import Packet
from lvsdr.profile.roles.director_paths import foreign_paths, paths
from lvsdr.rules.host import own_answers, route_questions

Probe = Callable[[Sequence[Path], Sequence[RealServerRoute]], Sequence[Proof]]


def packets(profile: Profile, host: Host) -> Iterator[Packet]:
    """Yield the packets that a verify looks up: those of the rules, and on every path."""
    yield from route_questions.packets(profile, host)
    if isinstance(profile, DirectorProfile):
        yield from own_answers.packets(profile.vips, profile.interface, host)


def prove(
    profile: DirectorProfile, host: Host, probe: Probe, foreign: Sequence[RealServer] = ()
) -> tuple[Proof, ...]:
    """Return what became of a probe on each path of `profile`, in the profile's order.

    And on those to the real servers that others have put into its services, which come last. The
    routes to all of them have been looked up.
    """
    every = (*paths(profile), *foreign_paths(profile, foreign))
    rips = dict.fromkeys(path.rip for path in every)
    towards = {rip: route_towards(rip, profile, host) for rip in rips}
    found = {path: _unproven(path, towards[path.rip]) for path in every}
    sent = [path for path, proof in found.items() if proof is None]
    routes = {
        path.rip: route for path in sent if isinstance(route := towards[path.rip], RealServerRoute)
    }
    probed = probe(sent, tuple(routes.values())) if sent else ()
    known = {proof.path: proof for proof in probed}
    return tuple(found[path] or known[path] for path in every)


def unasked(profile: DirectorProfile, foreign: Sequence[RealServer]) -> tuple[Proof, ...]:
    """Return the same without any probe: nothing is proven."""
    every = (*paths(profile), *foreign_paths(profile, foreign))
    return tuple(Proof(path, None, "not-asked") for path in every)


def _unproven(path: Path, route: RealServerRoute | PathDetail) -> Proof | None:
    if route == "no-route":
        return Proof(path, "down", route)
    if not isinstance(route, RealServerRoute):
        return Proof(path, None, route)
    lacking = (
        path.vip is not None and path.vip.version != path.rip.version and route.other_source is None
    )
    return Proof(path, None, "no-source") if lacking else None


def route_towards(
    rip: IPAddress, profile: DirectorProfile, host: Host
) -> RealServerRoute | PathDetail:
    """Return how this host sends to `rip`, or why no probe can be sent there.

    The route to it has been looked up.
    """
    route = host.routes[Packet(rip)]
    if route.kind == "local":
        return "local"
    if route.kind != "unicast" or route.link is None:
        return "no-route"
    if not host.speaks_arp(route.link):
        return "no-ethernet"
    source = _source(rip, route.source, route.link, profile, host)
    if source is None:
        return "no-source"
    return RealServerRoute(
        rip,
        route.link,
        route.gateway or rip,
        source,
        _other(rip, route.link, profile, host),
        host.links[route.link].mtu,
    )


def _other(rip: IPAddress, link: str, profile: DirectorProfile, host: Host) -> IPAddress | None:
    """Return the host's own address of the other family than `rip`."""
    own = (ip.ip for ip in host.addresses_of(link) if ip.version != rip.version)
    return next((ip for ip in own if ip not in profile.vips and not ip.is_link_local), None)


def _source(
    rip: IPAddress,
    chosen: IPAddress | None,
    link: str,
    profile: DirectorProfile,
    host: Host,
) -> IPAddress | None:
    """Return an address of this host that is its own: a VIP is the real server's as well."""
    own = [ip for ip in host.addresses_of(link) if ip.version == rip.version]
    near = [ip.ip for ip in own if rip in ip.network]
    candidates = (chosen, *near, *(ip.ip for ip in own if not ip.ip.is_link_local))
    return next((ip for ip in candidates if ip and ip not in profile.vips), None)
