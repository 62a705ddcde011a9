"""Where the VIPs are held and how, and whether the host would speak in their name."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from lvsdr.model.address import IPAddress, host_interface
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.host import HeldAddress, Host
from lvsdr.model.objects import Address, Key
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile, command
from lvsdr.model.route_lookup import Packet, RouteTo
from lvsdr.profile.vip_moves import moved, removal
from lvsdr.rules.host import own_answers
from lvsdr.rules.host.askers import FAR


def wide(profile: Profile, host: Host) -> Iterator[Finding]:
    """Yield the VIPs that are held with more than a host's prefix."""
    for item in _holding(profile, host):
        if item.ip.network.num_addresses > 1 and not _told(profile, item, host):
            leads = (
                "it goes when the first address of that subnet goes"
                if isinstance(profile, DirectorProfile)
                else "this host takes the whole subnet for its own"
            )
            yield Finding(
                "VIP-PREFIX",
                ERROR,
                item.link,
                f"{item.link} holds {item.ip}, which is more than a host address: {leads}",
                _narrowed(profile, item, host),
                vip=item.ip.ip,
                about=_place(profile, item.ip.ip),
            )


def _narrowed(profile: Profile, item: HeldAddress, host: Host) -> str:
    if item.ip.version == 6 and item.link == _link(profile):
        # IPv6 holds an address of a link once: apply takes the wide one's place.
        return command(profile, "apply")
    return moved(item.link, item.ip, profile, host)


def elsewhere(profile: Profile, host: Host) -> Iterator[Finding]:
    """Yield the VIPs that are on another link than the profile's."""
    right = _link(profile)
    for item in _holding(profile, host):
        alone = item.ip.network.num_addresses == 1
        if item.link == right or not alone or _told(profile, item, host):
            continue
        if _of_virtual_router(profile, item, host):
            continue
        there = any(other.link == right for other in host.held(item.ip.ip))
        also = f", and {right} as well" if there else f", not {right}"
        yield Finding(
            "VIP-ELSEWHERE",
            WARNING if there else ERROR,
            item.link,
            f"{item.link} holds {item.ip.ip}{also}: {_leads(profile, item, there, host)}",
            _mended(profile, item, there, host),
            vip=item.ip.ip,
            about=_place(profile, item.ip.ip),
        )


def _mended(profile: Profile, item: HeldAddress, there: bool, host: Host) -> str:
    own = isinstance(profile, DirectorProfile) and profile.vips_owner == "keepalived"
    if own and item.link in host.on_one_wire(_link(profile)):
        # keepalived's use_vmac, whose settings the kernel has refused: it is where it belongs, and
        # the other link has to be silent.
        return command(profile, "apply")
    return removal(item.link, item.ip, host) if there else moved(item.link, item.ip, profile, host)


def unusable(profile: Profile, host: Host) -> Iterator[Finding]:
    """Yield the IPv6 VIPs that duplicate address detection keeps from being used."""
    for item in _holding(profile, host):
        if item.failed or item.tentative:
            seen = "another host has it" if item.failed else "it is not finished"
            yield Finding(
                "VIP-DAD",
                ERROR,
                item.link,
                f"{item.ip.ip} on {item.link} cannot be used: duplicate address detection: {seen}",
                vip=item.ip.ip,
                look="whose it is: lvsdr verify PROFILE on another host, or ip -6 neighbour show"
                if item.failed
                else "wait: it takes a second or two",
            )


def dip(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield the families in which the director has no address of its own."""
    for version in sorted({vip.version for vip in profile.vips}):
        if _own(profile.interface, version, profile, host) is None:
            yield Finding(
                "DIP-MISSING",
                ERROR,
                profile.interface,
                f"{profile.interface} has no IPv{version} address of its own (DIP) beside the"
                " VIPs: no real server answers a VIP that asks for it",
                look=f"one of the segment: ip address add DIP/PREFIX dev {profile.interface}",
            )


def sources(profile: Profile, host: Host) -> Iterator[Finding]:
    """Yield where the host would speak in the name of a VIP, of its own accord."""
    chosen: dict[tuple[IPAddress, str], list[tuple[IPAddress, RouteTo]]] = {}
    rips = profile.rips if isinstance(profile, DirectorProfile) else ()
    for destination in (*rips, *FAR.values()):
        route = host.routes.get(Packet(destination))
        if route is None or route.kind != "unicast" or route.link is None or route.source is None:
            continue
        if route.source in profile.vips:
            chosen.setdefault((route.source, route.link), []).append((destination, route))
    for (vip, link), routes in chosen.items():
        yield _source(vip, link, routes, profile, host)


def _source(
    vip: IPAddress,
    link: str,
    routes: list[tuple[IPAddress, RouteTo]],
    profile: Profile,
    host: Host,
) -> Finding:
    leads = (
        "no real server answers a question in the VIP's name"
        if isinstance(profile, DirectorProfile)
        else "the answers go to the director, not to this host"
    )
    ways = [_route_from_own_address(to, route, profile, host) for to, route in routes]
    own = "DIP" if profile.role == "director" else "RIP"
    towards = ", ".join("far hosts" if to in FAR.values() else str(to) for to, _ in routes)
    return Finding(
        "VIP-SOURCE",
        ERROR,
        link,
        f"to {towards} this host sends from {vip}: {leads}",
        "" if None in ways else "; ".join(map(str, ways)),
        vip=vip,
        look=f"an address of its own for it: ip address add {own}/PREFIX dev {link}"
        if None in ways
        else "",
    )


def _route_from_own_address(
    destination: IPAddress, route: RouteTo, profile: Profile, host: Host
) -> str | None:
    assert route.link is not None, "only routes through a link are looked at"
    version = destination.version
    own = _own(route.link, version, profile, host) or _own(None, version, profile, host)
    if own is None:
        return None
    to = "default" if destination in FAR.values() else str(host_interface(destination))
    via = "" if route.gateway is None else f" via {route.gateway}"
    return f"ip -{version} route replace {to}{via} dev {quote(route.link)} src {own}"


def _own(link: str | None, version: int, profile: Profile, host: Host) -> IPAddress | None:
    found = (
        item.ip.ip
        for item in host.addresses
        if item.ip.version == version
        and link in (None, item.link)
        and item.ip.ip not in profile.vips
        and not item.ip.is_link_local
        and not item.ip.is_loopback
    )
    return next(found, None)


def _holding(profile: Profile, host: Host) -> Iterator[HeldAddress]:
    vips = set(profile.vips)
    return (item for item in host.addresses if item.ip.ip in vips)


def _told(profile: Profile, item: HeldAddress, host: Host) -> bool:
    """Return whether VIP-ON-LINK tells it already: a real server that speaks for a VIP."""
    link = host.links.get(item.link)
    return isinstance(profile, RealServerProfile) and link is not None and link.speaks_arp


def _of_virtual_router(profile: Profile, item: HeldAddress, host: Host) -> bool:
    """Return whether keepalived holds it by use_vmac: above the interface, and answered there."""
    if not isinstance(profile, DirectorProfile) or profile.vips_owner != "keepalived":
        return False
    return item.link in own_answers.answering_links(item.ip.ip, profile.interface, host)


def _leads(profile: Profile, item: HeldAddress, there: bool, host: Host) -> str:
    if isinstance(profile, RealServerProfile):
        return "withdrawing does not take it away" if there else "it is not held as it should be"
    if there:
        return "it stays here when the director gives it up"
    by = list(own_answers.answering_links(item.ip.ip, profile.interface, host))
    if not by:
        return f"this host does not answer for it on {profile.interface}"
    return f"this host answers for it by {', '.join(by)}, and also when it is no director"


def _link(profile: Profile) -> str:
    return profile.interface if isinstance(profile, DirectorProfile) else profile.holder_link


def _place(profile: Profile, vip: IPAddress) -> frozenset[Key]:
    return frozenset({Address(_link(profile), host_interface(vip)).key})
