"""Neighbours for whom this host answers (linux/neighbour.h)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from lvsdr.kernel.netlink_messages import opened
from lvsdr.kernel.rtnetlink import RouteSocket
from lvsdr.model.address import IPAddress

RTM_GETNEIGH = 30
# Family, index, state, flags, type.
NDMSG = struct.Struct("=B3xiHBB")
NDA_DST = 1
NTF_PROXY = 0x08


@dataclass(frozen=True, slots=True)
class RawProxy:
    """An address for which this host answers on the link `index`."""

    index: int
    address: IPAddress


def dump_proxies(wire: RouteSocket) -> list[RawProxy]:
    """Return every proxy entry of the namespace; raises OSError."""
    return [
        found
        for family in (socket.AF_INET, socket.AF_INET6)
        # Without the flag the kernel lists its cache instead.
        for found in wire.dump(RTM_GETNEIGH, NDMSG.pack(family, 0, 0, NTF_PROXY, 0), decoded)
        if found is not None
    ]


def decoded(message: memoryview) -> RawProxy | None:
    """Return the proxy entry that a message tells of, None where it is another neighbour."""
    (_, index, _, flags, _), found = opened(message, NDMSG)
    if not flags & NTF_PROXY or NDA_DST not in found:
        return None
    return RawProxy(index, ip_address(bytes(found[NDA_DST])))
