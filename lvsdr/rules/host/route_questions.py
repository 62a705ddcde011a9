"""Which packets the rules have looked up in the routing tables."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from lvsdr.model.address import IPAddress
from lvsdr.model.host import Host
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile
from lvsdr.model.route_lookup import Packet
from lvsdr.profile.roles.foreign_servers import in_our_services
from lvsdr.rules.host import arp_reply, ways_back
from lvsdr.rules.host.askers import FAR, neighbour


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
    yield from (client_packet(v, profile, host) for v in held_outside_of_vrf(profile, host))
    yield from to_neighbours(profile, host)
    yield from ways_back.packets(profile, host)


def lost_vips(profile: RealServerProfile, host: Host) -> tuple[IPAddress, ...]:
    """Return the VIPs that no link of the host holds."""
    held = host.ips
    return tuple(vip for vip in profile.vips if vip not in held)


def held_outside_of_vrf(profile: RealServerProfile, host: Host) -> tuple[IPAddress, ...]:
    """Return the VIPs on a holder that is not in the VRF of the interface; none without a VRF."""
    link, holder = host.links.get(profile.interface), host.links.get(profile.holder_link)
    if link is None or holder is None or not link.vrf or holder.vrf == link.vrf:
        return ()
    held = {each.ip.ip for each in host.addresses if each.link == holder.name}
    return tuple(vip for vip in profile.vips if vip in held)


def to_neighbours(profile: RealServerProfile, host: Host) -> Iterator[Packet]:
    """Yield the answer to a client on the segment, from one IPv4 VIP that is held."""
    held = [vip for vip in profile.vips if vip.version == 4 and vip in host.ips]
    for vip in held[:1]:
        client = neighbour(profile.interface, 4, host)
        yield ways_back.answer_packet(vip, client, profile, host)


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
