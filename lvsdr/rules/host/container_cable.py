"""A container's cable: which link of its host is the other end, and what is asked of that host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address

from lvsdr.model.address import IPAddress
from lvsdr.model.container_host import ContainerHost, gate_of
from lvsdr.model.host import Host, HostLink
from lvsdr.model.profile import Profile
from lvsdr.model.route_lookup import Packet
from lvsdr.rules.host import arp_reply
from lvsdr.rules.host.askers import FAR, neighbour

Inspect = Callable[[Callable[[Host], Iterable[Packet]]], Host]
"""Read the host, and look up the routes of packets that are chosen by what was read."""


def container_host_of(
    profile: Profile, inside: Host, number: int | None, inspect: Inspect
) -> ContainerHost | None:
    """Return the host's side of the container that is `inside`, None where it has none.

    `number` is the host's number of the container's namespace.
    """
    host = inspect(lambda seen: _packets(profile, inside, seen, number))
    port = other_end(profile.interface, inside, host, number)
    if port is None:
        return None
    rips = _rips(profile, inside)
    return ContainerHost(port, rips, _arrival(rips, gate_of(port, host), host), host)


def other_end(interface: str, inside: Host, host: Host, number: int | None) -> str | None:
    """Return the link of the host whose other end is the container's interface, or below it."""
    link = inside.links.get(interface)
    while link is not None and link.parent is not None:
        link = inside.links.get(link.parent)
    if link is None or number is None:
        return None
    return next(
        (
            each.name
            for each in host.links.values()
            if (each.index, each.below, each.far) == (link.below, link.index, number)
        ),
        None,
    )


def _rips(profile: Profile, inside: Host) -> tuple[IPAddress, ...]:
    return tuple(
        ip.ip
        for ip in inside.addresses_of(profile.interface)
        if ip.ip not in profile.vips and not ip.ip.is_link_local
    )


def _arrival(rips: Iterable[IPAddress], gate: str, host: Host) -> str | None:
    for rip in rips:
        for link, ip in ((each.link, each.ip) for each in host.addresses):
            if rip in ip.network and ip.network.num_addresses > 1 and host.speaks_arp(link):
                return None if link == gate else link
    return None


def _packets(profile: Profile, inside: Host, host: Host, number: int | None) -> Iterator[Packet]:
    """Yield the packets whose routes the findings look at; none where the cable ends elsewhere."""
    port = other_end(profile.interface, inside, host, number)
    if port is None:
        return
    gate = gate_of(port, host)
    arrival = _arrival(_rips(profile, inside), gate, host)
    for vip in profile.vips:
        for each in questions(vip, gate, host):
            yield from arp_reply.packets(each, host)
        if arrival is not None:
            yield request(vip, arrival, host)
            yield answer(vip, gate)
            yield to_container(vip)


def questions(vip: IPAddress, gate: str, host: Host) -> tuple[arp_reply.Question, ...]:
    """Return who-has `vip`, as a neighbour asks it on each link but those of containers."""
    if not isinstance(vip, IPv4Address):
        return ()
    asked = (link.name for link in host.links.values() if _has_neighbours(link, gate, host))
    askers = ((name, neighbour(name, 4, host)) for name in asked)
    return tuple(
        arp_reply.Question(name, vip, asker)
        for name, asker in askers
        if isinstance(asker, IPv4Address)
    )


def _has_neighbours(link: HostLink, gate: str, host: Host) -> bool:
    # An end of a cable without an address of its own is a container's.
    container = link.link_kind == "veth" and not host.addresses_of(link.name)
    alone = link.name == gate and link.link_kind != "bridge"
    return link.speaks_arp and not container and not alone


def request(vip: IPAddress, arrival: str, host: Host) -> Packet:
    """Return a request for the VIP as it arrives at the host."""
    return Packet(vip, neighbour(arrival, vip.version, host), arrival)


def answer(vip: IPAddress, gate: str) -> Packet:
    """Return what the container answers in the VIP's name, as it comes out of the cable."""
    return Packet(FAR[vip.version], vip, gate)


def to_container(vip: IPAddress) -> Packet:
    """Return what the host sends to the VIP: the reverse-path filter goes by its route."""
    return Packet(vip)
