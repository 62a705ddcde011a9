"""rtnetlink: the gateways of routes: one, several, or of the other family (linux/rtnetlink.h).

A router's table may be large: no more of it is read than is asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import islice

from lvsdr.kernel.netlink.netlink_messages import (
    AF_INET,
    NOTHING,
    Attributes,
    as_number,
    decode_message,
    each_message,
    unpack_attributes,
    unpack_message,
)
from lvsdr.kernel.netlink.route_socket import FAMILIES, RouteSocket
from lvsdr.kernel.netlink.rtm_route import (
    RTA_GATEWAY,
    RTA_OIF,
    RTM_GETROUTE,
    RTM_NEWROUTE,
    RTMSG,
    UNICAST,
)
from lvsdr.model.address import IPAddress

RTA_MULTIPATH, RTA_VIA = 9, 18
# Length, flags, weight, link.
NEXT_HOP = struct.Struct("=HBBi")
FAMILY = struct.Struct("=H")

Hop = tuple[int, IPAddress]
"""A link's index, and a gateway there."""


def dump(wire: RouteSocket, version: int, most: int) -> set[Hop]:
    """Return the gateways of the first `most` unicast routes of all tables; raises OSError.

    The default route is among the first. After a table that has more, or changed meanwhile, the
    socket is good for nothing but to be closed.
    """
    body = RTMSG.pack(FAMILIES[version], 0, 0, 0, 0, 0, 0, UNICAST, 0)
    found: set[Hop] = set()
    try:
        messages = each_message(wire.dump_chunks(RTM_GETROUTE, body, RTM_NEWROUTE))
        for message in islice(messages, most):
            found |= decode_message(message, decode)
    except FileNotFoundError:
        # Before its first route a namespace has not even the main table.
        return set()
    except InterruptedError:
        # It changed while it was read, and was read to its end all the same.
        return found
    return found


def decode(message: memoryview) -> set[Hop]:
    """Return the gateways of the route in a message; none for what is no unicast route."""
    (_, _, _, _, _, _, _, kind, _), found = unpack_message(message, RTMSG)
    if kind != UNICAST:
        return set()
    return {*_of(as_number(found.get(RTA_OIF, NOTHING)), found), *_multipath(found)}


def _multipath(found: Attributes) -> Iterator[Hop]:
    rest = found.get(RTA_MULTIPATH, NOTHING)
    while len(rest) >= NEXT_HOP.size:
        length, _, _, link = NEXT_HOP.unpack_from(rest)
        if not NEXT_HOP.size <= length <= len(rest):
            raise ValueError("a next hop is cut off")
        yield from _of(link, unpack_attributes(rest[NEXT_HOP.size : length]))
        rest = rest[length + -length % 4 :]


def _of(link: int, found: Attributes) -> Iterator[Hop]:
    if RTA_GATEWAY in found:
        yield link, ip_address(bytes(found[RTA_GATEWAY]))
    if RTA_VIA in found:
        (family,) = FAMILY.unpack_from(found[RTA_VIA])
        length = 4 if family == AF_INET else 16
        yield link, ip_address(bytes(found[RTA_VIA][FAMILY.size : FAMILY.size + length]))
