"""Ask the routing tables what would become of one packet, as `ip route get` does."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping

from lvsdr.kernel.kernel_errors import reading
from lvsdr.kernel.netlink import rtm_link, rtm_route
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.rtm_link import Links
from lvsdr.kernel.netlink.rtm_route import ANYCAST, BROADCAST, LOCAL, MULTICAST, UNICAST
from lvsdr.model.address import IPAddress, IPNetwork
from lvsdr.model.route_lookup import GONE, Hop, Packet, RouteTo, UnicastRoute

KINDS = {
    UNICAST: "unicast",
    LOCAL: "local",
    BROADCAST: "broadcast",
    ANYCAST: "anycast",
    MULTICAST: "multicast",
}
# The kernel answers a lookup that leads nowhere with the error that a sender would get.
NOWHERE = {
    errno.EINVAL: "blackhole",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EACCES: "prohibit",
    errno.EXDEV: "refused",
    # The link on which it would have arrived has gone since the links were listed.
    errno.ENODEV: GONE,
}


def routes(sockets: Sockets, links: Links, packets: Iterable[Packet]) -> dict[Packet, RouteTo]:
    """Return what becomes of each of many packets; GONE stands for one whose link is not there."""
    indexes = {link.name: link.index for link in links.values()}
    found: dict[Packet, RouteTo] = {}
    for packet in dict.fromkeys(packets):
        if {packet.arriving, packet.leaving} <= {None, *indexes}:
            found[packet] = _ask(sockets, links, packet, indexes)
        else:
            found[packet] = RouteTo(GONE)
    return found


def local_routes(sockets: Sockets) -> dict[int, frozenset[IPNetwork]]:
    """Return the IPv4 networks whose packets stay on this host, by table: each VRF has one."""
    found: dict[int, set[IPNetwork]] = {}
    with reading("the local routes"):
        for route in rtm_route.dump(sockets.rtnetlink, 4, LOCAL, table=0):
            found.setdefault(route.table, set()).add(route.destination)
    return {table: frozenset(networks) for table, networks in found.items()}


def routes_now(sockets: Sockets, packets: Iterable[Packet]) -> dict[Packet, RouteTo]:
    """Return what becomes of each of many packets, on the links as they are now."""
    with reading("the links"):
        links = rtm_link.dump(sockets.rtnetlink)
    return routes(sockets, links, packets)


def unicast_routes(
    sockets: Sockets, destinations: Iterable[IPAddress]
) -> dict[IPAddress, UnicastRoute]:
    """Return by which unicast route of one link a packet to each of `destinations` would leave."""
    with reading("the links"):
        links = rtm_link.dump(sockets.rtnetlink)
    found = ((each, _unicast_route(sockets, links, each)) for each in dict.fromkeys(destinations))
    return {destination: route for destination, route in found if route is not None}


def _unicast_route(sockets: Sockets, links: Links, destination: IPAddress) -> UnicastRoute | None:
    with reading(f"the route to {destination}"):
        try:
            found = rtm_route.matching(sockets.rtnetlink, destination)
        except OSError as error:
            if error.errno not in NOWHERE:
                raise
            return None
    if found.kind != UNICAST or found.link not in links:
        return None
    return UnicastRoute(found.destination, links[found.link].name, found.gateway, found.metric)


def _ask(sockets: Sockets, links: Links, packet: Packet, indexes: Mapping[str, int]) -> RouteTo:
    wire, destination, source = sockets.rtnetlink, packet.destination, packet.source
    ways = [None if name is None else indexes[name] for name in (packet.arriving, packet.leaving)]
    with reading(f"the route to {destination}"):
        try:
            found = rtm_route.of_packet(wire, destination, source, *ways)
            # One look-up takes one next hop of several; the entry of the table has them all.
            several = found.kind == UNICAST and source is not None and packet.arriving is None
            entry = rtm_route.matching(wire, destination, source, ways[1]) if several else found
        except OSError as error:
            if error.errno not in NOWHERE:
                raise
            return RouteTo(NOWHERE[error.errno])
    return RouteTo(
        KINDS.get(found.kind, NOWHERE[errno.EHOSTUNREACH]),
        _name(links, found.link),
        found.gateway,
        found.source,
        tuple(Hop(_name(links, link), gateway) for link, gateway in entry.hops),
    )


def _name(links: Links, index: int) -> str | None:
    return links[index].name if index in links else None
