"""rtnetlink: dump, add and delete routes, and look up the route of a packet (linux/rtnetlink.h)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_network
from itertools import islice

from lvsdr.kernel.netlink.netlink_messages import (
    AF_INET,
    NOTHING,
    U32,
    Attributes,
    as_number,
    decode_message,
    each_message,
    malformed,
    pack_attribute,
    unpack_attributes,
    unpack_message,
)
from lvsdr.kernel.netlink.route_socket import CREATE, EXCLUSIVE, FAMILIES, RouteSocket
from lvsdr.model.address import IPAddress, IPNetwork, host_network
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.other_attributes import RouteAttributes

RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
# Family, the lengths of destination and source, type of service, table, protocol, scope, type,
# flags.
RTMSG = struct.Struct("=8BI")
# Show the route itself, not what becomes of the packet.
RTM_F_FIB_MATCH = 0x2000
RTA_DST, RTA_SRC, RTA_IIF, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC = range(1, 8)
RTA_MULTIPATH, RTA_CACHEINFO, RTA_TABLE, RTA_VIA = 9, 12, 15, 18
# What a route is known by, and what the kernel alone says of it.
KNOWN = frozenset({RTA_DST, RTA_OIF, RTA_PRIORITY, RTA_CACHEINFO, RTA_TABLE})
RT_TABLE_MAIN, RT_TABLE_LOCAL, RTPROT_KERNEL, RTPROT_STATIC = 254, 255, 2, 4
SCOPE_HOST, LAST_METRIC = 254, 0xFFFFFFFE
# The index of lo in each network namespace (LOOPBACK_IFINDEX of include/net/net_namespace.h).
LO = 1
# Length, flags, weight, link; attributes follow.
RTNEXTHOP = struct.Struct("=H2Bi")
RTVIA = struct.Struct("=H")
UNICAST, LOCAL, BROADCAST, ANYCAST, MULTICAST, BLACKHOLE, UNREACHABLE = range(1, 8)


@dataclass(frozen=True, slots=True)
class RawRoute:
    """A route as the kernel shows it; `link` is the index of its outgoing link.

    `hops` are the links and gateways of a route that has several of them. With `others`, it is
    added with these attributes too.
    """

    kind: int
    destination: IPNetwork
    metric: int = 0
    table: int = RT_TABLE_MAIN
    link: int = 0
    gateway: IPAddress | None = None
    source: IPAddress | None = None
    hops: tuple[tuple[int, IPAddress | None], ...] = ()
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


def held(address: IPAddress) -> bytes:
    """Return the request about a route that keeps packets for an address on this host.

    It stands behind the one that the address itself makes.
    """
    # Not on the link of the address: with the last address of a link all its routes go.
    others = RouteAttributes(RTPROT_KERNEL, SCOPE_HOST)
    return _described(
        RawRoute(LOCAL, host_network(address), LAST_METRIC, RT_TABLE_LOCAL, link=LO, others=others)
    )


def destinations(wire: RouteSocket, version: int, most: int) -> list[IPNetwork]:
    """Return the destinations of the first `most` routes of all tables but the local one.

    The socket is of no use afterwards: what it still has to say is left behind. Routes that come
    and go meanwhile may be among them or not. Raises OSError.
    """
    body = RTMSG.pack(FAMILIES[version], 0, 0, 0, 0, 0, 0, 0, 0)
    listing = each_message(wire.dump_chunks(RTM_GETROUTE, body, RTM_NEWROUTE))
    found: list[IPNetwork] = []
    # The kernel says that others have changed the list at its end, when all has been read.
    with suppress(InterruptedError):
        for each in islice(listing, most):
            route = decode_message(each, decode)
            if route.table != RT_TABLE_LOCAL:
                found.append(route.destination)
    return found


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
    return _asked(wire, destination, source, {RTA_IIF: arriving, RTA_OIF: leaving}, 0)


def matching(
    wire: RouteSocket,
    destination: IPAddress,
    source: IPAddress | None = None,
    leaving: int | None = None,
) -> RawRoute:
    """Return the entry of the table by which this host would send a packet; raises OSError."""
    return _asked(wire, destination, source, {RTA_OIF: leaving}, RTM_F_FIB_MATCH)


def decode(message: memoryview) -> RawRoute:
    """Return the route in a message."""
    (family, length, _, _, table, protocol, scope, kind, _), found = unpack_message(message, RTMSG)
    anywhere = bytes(4 if family == AF_INET else 16)
    return RawRoute(
        kind=kind,
        destination=ip_network((bytes(found.get(RTA_DST, anywhere)), length)),
        metric=as_number(found.get(RTA_PRIORITY, NOTHING)),
        table=as_number(found.get(RTA_TABLE, NOTHING)) or table,
        link=as_number(found.get(RTA_OIF, NOTHING)),
        gateway=_address(found, RTA_GATEWAY),
        source=_address(found, RTA_PREFSRC),
        hops=tuple(_hops(found.get(RTA_MULTIPATH, NOTHING))),
        others=RouteAttributes(protocol, scope, _rest(found)),
    )


def _rest(found: Attributes) -> str:
    rest = (pack_attribute(kind, bytes(each)) for kind, each in found.items() if kind not in KNOWN)
    return b"".join(rest).hex()


def _asked(
    wire: RouteSocket,
    destination: IPAddress,
    source: IPAddress | None,
    links: Mapping[int, int | None],
    flags: int,
) -> RawRoute:
    length = destination.max_prefixlen
    parts = [pack_attribute(RTA_DST, destination.packed)]
    if source is not None:
        parts.append(pack_attribute(RTA_SRC, source.packed))
    parts += [pack_attribute(k, U32.pack(link)) for k, link in links.items() if link is not None]
    family, source_length = FAMILIES[destination.version], 0 if source is None else length
    header = RTMSG.pack(family, length, source_length, 0, 0, 0, 0, 0, flags)
    return wire.get(RTM_GETROUTE, header + b"".join(parts), decode)


def _hops(packed: memoryview) -> Iterator[tuple[int, IPAddress | None]]:
    while len(packed) >= RTNEXTHOP.size:
        length, _, _, link = RTNEXTHOP.unpack_from(packed)
        if not RTNEXTHOP.size <= length <= len(packed):
            raise malformed()
        found = unpack_attributes(packed[RTNEXTHOP.size : length])
        yield link, _address(found, RTA_GATEWAY)
        packed = packed[length + -length % 4 :]


def _described(route: RawRoute) -> bytes:
    destination = route.destination
    family, length = FAMILIES[destination.version], destination.prefixlen
    others = route.others or RouteAttributes(RTPROT_STATIC, 0)
    kind = (others.protocol, others.scope, route.kind)
    header = RTMSG.pack(family, length, 0, 0, route.table, *kind, 0)
    address = pack_attribute(RTA_DST, destination.network_address.packed)
    metric = pack_attribute(RTA_PRIORITY, U32.pack(route.metric))
    link = pack_attribute(RTA_OIF, U32.pack(route.link)) if route.link else b""
    return header + address + metric + link + bytes.fromhex(others.rest)


def _address(found: Attributes, kind: int) -> IPAddress | None:
    if kind == RTA_GATEWAY and RTA_VIA in found:
        # An IPv4 route by an IPv6 neighbour (RFC 5549).
        return ip_address(bytes(found[RTA_VIA][RTVIA.size :]))
    return ip_address(bytes(found[kind])) if kind in found else None
