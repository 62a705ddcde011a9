"""Which packets the rules have looked up in the routing tables."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address

from lvsdr.model.address import IPAddress
from lvsdr.model.holder_kinds import HOLDING_ENDS
from lvsdr.model.host import Host
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile
from lvsdr.model.route_lookup import Packet
from lvsdr.profile.roles.foreign_servers import in_our_services
from lvsdr.rules.host import arp_reply

# Somebody on the Internet: addresses for documentation, to which nothing is ever sent.
FAR: dict[int, IPAddress] = {4: ip_address("198.51.100.7"), 6: ip_address("2001:db8:ffff::7")}


def packets(profile: Profile, host: Host) -> Iterator[Packet]:
    """Yield the packets that the rules for `profile` look up."""
    for version in sorted({vip.version for vip in profile.vips}):
        yield Packet(FAR[version])
    if isinstance(profile, DirectorProfile):
        there = in_our_services(profile, host.real_servers)
        yield from map(Packet, dict.fromkeys((*profile.rips, *(each.rip for each in there))))
    else:
        yield from _of_realserver(profile, host)


def _of_realserver(profile: RealServerProfile, host: Host) -> Iterator[Packet]:
    for vip in lost_vips(profile, host):
        if profile.interface in host.links:
            yield client_packet(vip, profile, host)
        for question in arp_questions(vip, host):
            yield from arp_reply.packets(question, host)
    for link in arrival_links(profile, host):
        for source in sample_clients(profile, host):
            yield from (Packet(vip, source, link) for vip in one_held_vip(profile, host))


def lost_vips(profile: RealServerProfile, host: Host) -> tuple[IPAddress, ...]:
    """Return the VIPs that no link of the host holds."""
    held = host.ips
    return tuple(vip for vip in profile.vips if vip not in held)


def one_held_vip(profile: RealServerProfile, host: Host) -> tuple[IPAddress, ...]:
    """Return one IPv4 VIP that is held, if any: for the reverse-path filter all are alike."""
    held = host.ips
    return tuple(vip for vip in profile.vips if vip.version == 4 and vip in held)[:1]


def arrival_links(profile: RealServerProfile, host: Host) -> tuple[str, ...]:
    """Return the links on which a client's packets arrive, as far as they are up."""
    # A tunnel's link is one on which packets come in, the other holders are none.
    names = (
        profile.interface,
        *({profile.holder_link} & HOLDING_ENDS.keys()),
    )
    return tuple(name for name in names if name in host.links and host.links[name].up)


def sample_clients(profile: RealServerProfile, host: Host) -> tuple[IPAddress, ...]:
    """Return two clients: one far away, one on the segment."""
    return (FAR[4], neighbour(profile.interface, 4, host))


def client_packet(vip: IPAddress, profile: RealServerProfile, host: Host) -> Packet:
    """Return a client's packet for `vip` as it comes in on the interface."""
    return Packet(vip, neighbour(profile.interface, vip.version, host), profile.interface)


def arp_questions(vip: IPAddress, host: Host) -> tuple[arp_reply.Question, ...]:
    """Return who-has `vip`, as a neighbour asks it on each link that can answer."""
    if not isinstance(vip, IPv4Address):
        return ()
    speaking = [link.name for link in host.links.values() if link.speaks_arp]
    askers = ((name, neighbour(name, 4, host)) for name in speaking)
    return tuple(
        arp_reply.Question(name, vip, asker)
        for name, asker in askers
        if isinstance(asker, IPv4Address)
    )


def neighbour(link: str, version: int, host: Host) -> IPAddress:
    """Return an address of a subnet of `link` that is not this host's, else a far one.

    A small subnet may be this host's as a whole.
    """
    own = host.ips
    near = (
        each
        for ip in host.addresses_of(link)
        if ip.version == version and ip.network.num_addresses > 1 and not ip.is_link_local
        for each in ip.network.hosts()
        if each not in own
    )
    return next(near, FAR[version])


def link_to_far_clients(version: int, host: Host) -> str | None:
    """Return the link through which answers to far clients leave, None without such a route."""
    route = host.routes[Packet(FAR[version])]
    return route.link if route.kind == "unicast" else None
