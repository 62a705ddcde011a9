"""rtnetlink: the number that this namespace has for another one (linux/net_namespace.h)."""

from __future__ import annotations

import struct

from lvsdr.kernel.netlink.netlink_messages import U32, pack_attribute, unpack_message
from lvsdr.kernel.netlink.route_socket import RouteSocket

RTM_GETNSID = 90
RTGENMSG = struct.Struct("=B3x")
NETNSA_NSID, NETNSA_FD = 1, 3
NSID = struct.Struct("=i")
NOT_ASSIGNED = -1


def number_of(wire: RouteSocket, descriptor: int) -> int | None:
    """Return the number of the namespace that is open as `descriptor`, None where it has none.

    Raises OSError.
    """
    body = RTGENMSG.pack(0) + pack_attribute(NETNSA_FD, U32.pack(descriptor))
    return wire.get(RTM_GETNSID, body, decode)


def decode(message: memoryview) -> int | None:
    """Return the number in a message, None where there is none."""
    _, found = unpack_message(message, RTGENMSG)
    (number,) = NSID.unpack(found[NETNSA_NSID])
    return None if number == NOT_ASSIGNED else int(number)
