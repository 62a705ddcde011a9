"""Ask the routing tables what would become of one packet, as `ip route get` does."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from lvsdr.kernel.errno import reading
from lvsdr.kernel.netlink import rtm_link, rtm_route
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.rtm_link import Links
from lvsdr.kernel.netlink.rtm_route import ANYCAST, BROADCAST, LOCAL, MULTICAST, UNICAST
from lvsdr.model.address import IPAddress
from lvsdr.model.inspection import Packet
from lvsdr.model.route_lookup import RouteTo, UnicastRoute

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
}


def route_to(
    sockets: Sockets,
    destination: IPAddress,
    *,
    source: IPAddress | None = None,
    arriving: str | None = None,
) -> RouteTo:
    """Return what becomes of a packet to `destination` from `source`.

    With `arriving`, a link, as if it came in there (then `source` is needed), else as if this
    host sent it. No packet is sent. Raises KernelError.
    """
    with reading("the links"):
        links = rtm_link.dump(sockets.rtnetlink)
    packet = Packet(destination, source, arriving)
    return routes(sockets, links, [packet])[packet]


def routes(sockets: Sockets, links: Links, packets: Iterable[Packet]) -> dict[Packet, RouteTo]:
    """Return what becomes of each of many packets."""
    return {packet: _ask(sockets, links, packet) for packet in dict.fromkeys(packets)}


def leading(sockets: Sockets, destinations: Iterable[IPAddress]) -> dict[IPAddress, UnicastRoute]:
    """Return by which unicast route of one link a packet to each of `destinations` would leave."""
    with reading("the links"):
        links = rtm_link.dump(sockets.rtnetlink)
    found = ((each, _leading(sockets, links, each)) for each in dict.fromkeys(destinations))
    return {destination: way for destination, way in found if way is not None}


def _leading(sockets: Sockets, links: Links, destination: IPAddress) -> UnicastRoute | None:
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


def _ask(sockets: Sockets, links: Links, packet: Packet) -> RouteTo:
    arriving = None
    if packet.arriving is not None:
        arriving = next(each.index for each in links.values() if each.name == packet.arriving)
    wire = sockets.rtnetlink
    with reading(f"the route to {packet.destination}"):
        try:
            found = rtm_route.of_packet(wire, packet.destination, packet.source, arriving)
        except OSError as error:
            if error.errno not in NOWHERE:
                raise
            return RouteTo(NOWHERE[error.errno])
    return RouteTo(
        KINDS.get(found.kind, NOWHERE[errno.EHOSTUNREACH]),
        links[found.link].name if found.link in links else None,
        found.gateway,
        found.source,
    )
