"""Ask the routing tables what would become of one packet, as `ip route get` does."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from lvsdr.kernel.errno import reading
from lvsdr.kernel.sockets import Sockets
from lvsdr.model.address import IPAddress
from lvsdr.model.inspection import Packet
from lvsdr.model.route_to import Leading, RouteTo

KINDS = {1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast"}
# The kernel answers a lookup that leads nowhere with the error that a sender would get.
NOWHERE = {
    errno.EINVAL: "blackhole",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EACCES: "prohibit",
    errno.EXDEV: "refused",
}
# linux/rtnetlink.h: show the route itself, not what becomes of the packet.
RTM_F_FIB_MATCH = 0x2000
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


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
    packet = Packet(destination, source, arriving)
    return routes(sockets, [packet])[packet]


def routes(sockets: Sockets, packets: Iterable[Packet]) -> dict[Packet, RouteTo]:
    """Return what becomes of each of many packets."""
    route = sockets.route
    with reading("the links"):
        names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in route.link("dump")}
    return {packet: _ask(route, names, packet) for packet in dict.fromkeys(packets)}


def leading(sockets: Sockets, destinations: Iterable[IPAddress]) -> dict[IPAddress, Leading]:
    """Return by which unicast route of one link a packet to each of `destinations` would leave."""
    route = sockets.route
    with reading("the links"):
        names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in route.link("dump")}
    found = ((each, _leading(route, names, each)) for each in dict.fromkeys(destinations))
    return {destination: way for destination, way in found if way is not None}


def _leading(route: Any, names: dict[int, str], destination: IPAddress) -> Leading | None:
    family = FAMILIES[destination.version]
    with reading(f"the route to {destination}"):
        try:
            asked = route.route("get", family=family, dst=str(destination), flags=RTM_F_FIB_MATCH)
            message = next(iter(asked))
        except NetlinkError as error:
            if error.code not in NOWHERE:
                raise
            return None
    link = names.get(message.get_attr("RTA_OIF"))
    if KINDS.get(message["type"]) != "unicast" or link is None:
        return None
    anywhere = "0.0.0.0" if destination.version == 4 else "::"  # noqa: S104 - a prefix
    network = ip_network(f"{message.get_attr('RTA_DST') or anywhere}/{message['dst_len']}")
    gateway = message.get_attr("RTA_GATEWAY")
    metric = message.get_attr("RTA_PRIORITY") or 0
    return Leading(network, link, None if gateway is None else ip_address(gateway), metric)


def _ask(route: Any, names: dict[int, str], packet: Packet) -> RouteTo:
    destination = packet.destination
    asked: dict[str, Any] = {"family": FAMILIES[destination.version], "dst": str(destination)}
    with reading(f"the route to {destination}"):
        if packet.source is not None:
            asked["src"] = str(packet.source)
        if packet.arriving is not None:
            asked["iif"] = next(index for index, name in names.items() if name == packet.arriving)
        try:
            message = next(iter(route.route("get", **asked)))
        except NetlinkError as error:
            if error.code not in NOWHERE:
                raise
            return RouteTo(NOWHERE[error.code])
    gateway, chosen = message.get_attr("RTA_GATEWAY"), message.get_attr("RTA_PREFSRC")
    return RouteTo(
        KINDS.get(message["type"], NOWHERE[errno.EHOSTUNREACH]),
        names.get(message.get_attr("RTA_OIF")),
        None if gateway is None else ip_address(gateway),
        None if chosen is None else ip_address(chosen),
    )
