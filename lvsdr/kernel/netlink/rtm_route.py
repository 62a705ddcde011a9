"""rtnetlink: dump, add and delete routes, and look up the route of a packet (linux/rtnetlink.h)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from lvsdr.kernel.netlink.netlink_messages import (
    NOTHING,
    U32,
    Attributes,
    as_number,
    pack_attribute,
    unpack_message,
)
from lvsdr.kernel.netlink.route_socket import CREATE, EXCLUSIVE, FAMILIES, RouteSocket
from lvsdr.model.address import IPAddress, IPNetwork
from lvsdr.model.other_attributes import RouteAttributes

RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
# Family, the lengths of destination and source, type of service, table, protocol, scope, type,
# flags.
RTMSG = struct.Struct("=8BI")
# Show the route itself, not what becomes of the packet.
RTM_F_FIB_MATCH = 0x2000
RTA_DST, RTA_SRC, RTA_IIF, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC = range(1, 8)
RTA_CACHEINFO, RTA_TABLE = 12, 15
# What a route is known by, and what the kernel alone says of it.
KNOWN = frozenset({RTA_DST, RTA_OIF, RTA_PRIORITY, RTA_CACHEINFO, RTA_TABLE})
RT_TABLE_MAIN, RTPROT_STATIC = 254, 4
UNICAST, LOCAL, BROADCAST, ANYCAST, MULTICAST, BLACKHOLE, UNREACHABLE = range(1, 8)


@dataclass(frozen=True, slots=True)
class RawRoute:
    """A route as the kernel shows it; `link` is the index of its outgoing link.

    With `others`, it is added with these attributes too.
    """

    kind: int
    destination: IPNetwork
    metric: int = 0
    table: int = RT_TABLE_MAIN
    link: int = 0
    gateway: IPAddress | None = None
    source: IPAddress | None = None
    others: RouteAttributes | None = field(default=None, compare=False, repr=False)


def dump(wire: RouteSocket, version: int, kind: int, table: int = RT_TABLE_MAIN) -> list[RawRoute]:
    """Return the routes of one type, of one table or (0) of all; raises OSError."""
    body = RTMSG.pack(FAMILIES[version], 0, 0, 0, table, 0, 0, kind, 0)
    try:
        found = wire.dump(RTM_GETROUTE, body, decode)
    except FileNotFoundError:
        # Before its first route a namespace has not even the main table.
        return []
    # Kernels before 4.20 know no filter, and list all tables.
    return [each for each in found if each.kind == kind and table in (0, each.table)]


def add(wire: RouteSocket, route: RawRoute) -> None:
    """Add a route to the main table; raises OSError."""
    wire.change(RTM_NEWROUTE, _described(route), CREATE | EXCLUSIVE)


def delete(wire: RouteSocket, route: RawRoute) -> None:
    """Delete a route of the main table; raises OSError."""
    wire.change(RTM_DELROUTE, _described(route))


def of_packet(
    wire: RouteSocket,
    destination: IPAddress,
    source: IPAddress | None,
    arriving: int | None,
    leaving: int | None = None,
) -> RawRoute:
    """Return the route of a packet that this host sends, or that arrives on the link `arriving`.

    With `leaving` it is one that leaves through that link, or in the table of that VRF.
    Raises OSError, also for a route that leads nowhere: with the errno that a sender would get.
    """
    length = destination.max_prefixlen
    parts = [pack_attribute(RTA_DST, destination.packed)]
    if source is not None:
        parts.append(pack_attribute(RTA_SRC, source.packed))
    if arriving is not None:
        parts.append(pack_attribute(RTA_IIF, U32.pack(arriving)))
    if leaving is not None:
        parts.append(pack_attribute(RTA_OIF, U32.pack(leaving)))
    family, source_length = FAMILIES[destination.version], 0 if source is None else length
    header = RTMSG.pack(family, length, source_length, 0, 0, 0, 0, 0, 0)
    return wire.get(RTM_GETROUTE, header + b"".join(parts), decode)


def matching(wire: RouteSocket, destination: IPAddress) -> RawRoute:
    """Return the entry of the table by which this host would send a packet; raises OSError."""
    family, length = FAMILIES[destination.version], destination.max_prefixlen
    header = RTMSG.pack(family, length, 0, 0, 0, 0, 0, 0, RTM_F_FIB_MATCH)
    return wire.get(RTM_GETROUTE, header + pack_attribute(RTA_DST, destination.packed), decode)


def decode(message: memoryview) -> RawRoute:
    """Return the route in a message."""
    (family, length, _, _, table, protocol, scope, kind, _), found = unpack_message(message, RTMSG)
    anywhere = bytes(4 if family == socket.AF_INET else 16)
    return RawRoute(
        kind=kind,
        destination=ip_network((bytes(found.get(RTA_DST, anywhere)), length)),
        metric=as_number(found.get(RTA_PRIORITY, NOTHING)),
        table=as_number(found.get(RTA_TABLE, NOTHING)) or table,
        link=as_number(found.get(RTA_OIF, NOTHING)),
        gateway=_address(found, RTA_GATEWAY),
        source=_address(found, RTA_PREFSRC),
        others=RouteAttributes(protocol, scope, _rest(found)),
    )


def _rest(found: Attributes) -> str:
    rest = (pack_attribute(kind, bytes(each)) for kind, each in found.items() if kind not in KNOWN)
    return b"".join(rest).hex()


def _described(route: RawRoute) -> bytes:
    destination = route.destination
    family, length = FAMILIES[destination.version], destination.prefixlen
    others = route.others or RouteAttributes(RTPROT_STATIC, 0)
    kind = (others.protocol, others.scope, route.kind)
    header = RTMSG.pack(family, length, 0, 0, route.table, *kind, 0)
    address = pack_attribute(RTA_DST, destination.network_address.packed)
    metric = pack_attribute(RTA_PRIORITY, U32.pack(route.metric))
    return header + address + metric + bytes.fromhex(others.rest)


def _address(found: Attributes, kind: int) -> IPAddress | None:
    return ip_address(bytes(found[kind])) if kind in found else None
