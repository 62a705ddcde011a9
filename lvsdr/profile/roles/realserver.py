"""A real server: silence on ARP, and the VIPs on a holder that the network never sees."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.errors import CannotRun
from lvsdr.model.address import host_network
from lvsdr.model.holder_kinds import HOLDER_KINDS
from lvsdr.model.host import Host
from lvsdr.model.objects import (
    GUARD_METRIC,
    Address,
    Link,
    Objects,
    ProxyNeighbour,
    Route,
    Sysctl,
    keyed,
)
from lvsdr.model.profile import RealServerProfile
from lvsdr.profile.holders import holder_objects
from lvsdr.profile.roles.arp_silence import silence
from lvsdr.profile.roles.role_interface import usable_interface
from lvsdr.profile.vip_moves import moved_to_holder


def desired(profile: RealServerProfile, host: Host) -> Objects:
    """Return the real server's objects; raise CannotRun where the host cannot be one."""
    usable_interface(profile.interface, host, profile.vips)
    _is_meant(profile, host)
    _holder_is_free(profile, host)
    _held_nowhere_else(profile, host)
    kind = HOLDER_KINDS[profile.holder]
    quiet = silence(profile, host) if _has_ipv4(profile) else ()
    held = holder_objects(kind, profile.holder_link, profile.vips)
    alone = _unproxied(profile, host)
    return keyed((*quiet, *alone, *held, *_reverse_path(profile), *_guard(profile)))


def footprint(profile: RealServerProfile) -> Objects:
    """Return what a real server leaves on any host: the VIPs, guard routes, a link of its own."""
    kind = HOLDER_KINDS[profile.holder]
    held = holder_objects(kind, profile.holder_link, profile.vips)
    own = (it for it in held if isinstance(it, Address) or (kind.named and isinstance(it, Link)))
    return keyed((*own, *_guard(profile)))


def _unproxied(profile: RealServerProfile, host: Host) -> Iterator[ProxyNeighbour]:
    """Yield the entries that are not to be: whatever arp_ignore says, they speak for a VIP.

    Or for a RIP, a container's, with more MACs than one.
    """
    for entry in host.proxies:
        if profile.removes(entry, host.proxies):
            yield ProxyNeighbour(entry.link, entry.address, there=False)


def _reverse_path(profile: RealServerProfile) -> Iterator[Sysctl]:
    if profile.rp_filter is not None:
        # Where answers leave through another link than requests arrive on, a strict filter drops
        # the requests; the larger of `all` and the link counts, and 2 is loose.
        path = f"net/ipv4/conf/{profile.interface}/rp_filter"
        yield Sysctl(path, str(profile.rp_filter))


def _guard(profile: RealServerProfile) -> Iterator[Route]:
    """Yield a route to nowhere for each VIP: a VIP that got lost must not go back to the director.

    The table local wins while the VIP is held, so that the routes may stay for good.
    """
    if profile.guard:
        yield from (Route(host_network(vip), GUARD_METRIC) for vip in profile.vips)


def _has_ipv4(profile: RealServerProfile) -> bool:
    # Neighbour solicitations are answered for addresses of the receiving link only: an IPv6 VIP
    # on a holder is silent without any setting.
    return any(vip.version == 4 for vip in profile.vips)


def _is_meant(profile: RealServerProfile, host: Host) -> None:
    if profile.rips and not host.ips & set(profile.rips):
        raise CannotRun(
            f"cannot use profile {profile.name}: it is for other hosts: none of its rips is an"
            " address of this one",
            hints=["add the RIP of this host to rips, or take the profile of this host"],
        )


def _holder_is_free(profile: RealServerProfile, host: Host) -> None:
    link = host.links.get(profile.holder_link)
    wanted = HOLDER_KINDS[profile.holder].link_kind
    if link is not None and not link.loopback and link.link_kind != wanted:
        kind = link.link_kind or "hardware"
        raise CannotRun(
            f"cannot hold VIPs on {link.name}: it is a {kind} link, not {wanted}",
            hints=['choose another name with "holder_link"'],
        )


def _held_nowhere_else(profile: RealServerProfile, host: Host) -> None:
    for link, ip in ((each.link, each.ip) for each in host.addresses):
        if ip.ip in profile.vips and link != profile.holder_link and host.speaks_arp(link):
            raise CannotRun(
                f"cannot hold {ip.ip} silently: {link} holds it too, and answers ARP for it"
                " whatever arp_ignore says",
                hints=[moved_to_holder(link, ip, profile, host)],
            )
