"""Queueing disciplines of links: listed, put in another's place, deleted (linux/pkt_sched.h)."""

from __future__ import annotations

import struct

from lvsdr.kernel.netlink_messages import attribute, opened
from lvsdr.kernel.rtnetlink import CREATE, REPLACE, RouteSocket

RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC = 36, 37, 38
# Family, index, handle, parent, info.
TCMSG = struct.Struct("=B3xiIII")
TCA_KIND = 1
TC_H_ROOT = 0xFFFFFFFF


def handles(wire: RouteSocket, index: int) -> list[int]:
    """Return the handles of the queueing disciplines of a link; raises OSError."""
    found = wire.dump(RTM_GETQDISC, TCMSG.pack(0, index, 0, 0, 0), decoded)
    # The kernel lists those of all links.
    return [handle for where, handle in found if where == index]


def replace(wire: RouteSocket, index: int, kind: str, handle: int) -> None:
    """Put a queueing discipline in the place of the link's own; raises OSError."""
    body = TCMSG.pack(0, index, handle, TC_H_ROOT, 0) + attribute(TCA_KIND, kind.encode() + b"\0")
    wire.change(RTM_NEWQDISC, body, CREATE | REPLACE)


def delete(wire: RouteSocket, index: int, handle: int) -> None:
    """Delete the queueing discipline of a link that has such a handle; raises OSError."""
    wire.change(RTM_DELQDISC, TCMSG.pack(0, index, handle, TC_H_ROOT, 0))


def decoded(message: memoryview) -> tuple[int, int]:
    """Return the link's index and the handle of a queueing discipline."""
    (_, index, handle, _, _), _ = opened(message, TCMSG)
    return index, handle
