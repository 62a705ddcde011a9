"""Where this host stands as a client of a profile's services: on the segment, or beyond it."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.core.kernel_interface import Kernel
from lvsdr.model.address import IPAddress, IPInterface
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.model.route_lookup import UnicastRoute


def beyond_gateway(
    profile: Profile, host: Host, kernel: Kernel, dips: Iterable[IPAddress] = ()
) -> bool:
    """Return whether this host sends to the VIPs by a gateway, and none of its links is there.

    A host without a route to them may yet have a link on the segment, one without an address.
    """
    rips = profile.rips if isinstance(profile, DirectorProfile) else ()
    if _near((*profile.vips, *rips, *dips), host) or host.ips & set(profile.vips):
        return False
    routes = kernel.unicast_routes(profile.vips).values()
    if not routes or any(_direct(route, host) for route in routes):
        return False
    return not _unnumbered(profile.interface, routes, host)


def is_client(profile: DirectorProfile, link: str, host: Host) -> bool:
    """Return whether this host, on `link` of the segment, is no director and no real server."""
    director = {ip.ip for ip in host.addresses_of(link)} & set(profile.vips)
    return not director and not host.ips & set(profile.rips)


def own_addresses(profile: DirectorProfile, link: str, host: Host) -> list[IPInterface]:
    """Return the addresses that a client on `link` may have: a VIP is not this host's alone."""
    vips = frozenset(profile.vips)
    return [ip for ip in host.addresses_of(link) if ip.ip not in vips and not ip.ip.is_link_local]


def source_towards(
    service: Service, servers: Iterable[RealServer], own: Iterable[IPInterface]
) -> IPAddress | None:
    """Return the one of `own` addresses that a client here would have: on the same subnet."""
    if service.vip is None:
        return None
    mine = [ip for ip in own if ip.version == service.vip.version]
    places = (*(server.rip for server in servers), service.vip)
    near = (ip.ip for ip in mine for place in places if place in ip.network)
    return next(near, mine[0].ip if mine else None)


def _near(addresses: Iterable[IPAddress], host: Host) -> bool:
    """Return whether one of `addresses` is in a subnet of this host."""
    subnets = {
        each.ip.network
        for each in host.addresses
        if each.ip.network.num_addresses > 1 and host.speaks_arp(each.link)
    }
    return any(address in subnet for address in addresses for subnet in subnets)


def _direct(route: UnicastRoute, host: Host) -> bool:
    return route.gateway is None and host.speaks_arp(route.link)


def _unnumbered(link: str, routes: Iterable[UnicastRoute], host: Host) -> bool:
    """Return whether the profile's link is here without an address, and is not the way out."""
    own = [ip for ip in host.addresses_of(link) if not ip.is_link_local]
    return host.speaks_arp(link) and not own and link not in {route.link for route in routes}
