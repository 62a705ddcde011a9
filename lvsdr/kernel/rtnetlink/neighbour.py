"""Neighbours for whom this host answers: listed, added, deleted (linux/neighbour.h)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from lvsdr.kernel.netlink_messages import U8, as_number, attribute, opened
from lvsdr.kernel.rtnetlink import CREATE, EXCLUSIVE, RouteSocket
from lvsdr.model.address import IPAddress

RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
# Family, index, state, flags, type.
NDMSG = struct.Struct("=B3xiHBB")
NDA_DST, NDA_PROTOCOL = 1, 12
NTF_PROXY, NTF_ROUTER = 0x08, 0x80
NUD_PERMANENT = 0x80
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


@dataclass(frozen=True, slots=True)
class RawProxy:
    """An address for which this host answers on the link `index`, on every one where that is 0."""

    index: int
    address: IPAddress
    router: bool = False
    protocol: int = 0


def dump_proxies(wire: RouteSocket) -> list[RawProxy]:
    """Return every proxy entry of the namespace; raises OSError."""
    return [
        found
        for family in FAMILIES.values()
        # Without the flag the kernel lists its cache instead.
        for found in wire.dump(RTM_GETNEIGH, NDMSG.pack(family, 0, 0, NTF_PROXY, 0), decoded)
        if found is not None
    ]


def add_proxy(wire: RouteSocket, proxy: RawProxy) -> None:
    """Add a proxy entry; raises OSError."""
    wire.change(RTM_NEWNEIGH, _described(proxy), CREATE | EXCLUSIVE)


def delete_proxy(wire: RouteSocket, proxy: RawProxy) -> None:
    """Delete a proxy entry; raises OSError."""
    wire.change(RTM_DELNEIGH, _described(proxy))


def decoded(message: memoryview) -> RawProxy | None:
    """Return the proxy entry that a message tells of, None where it is another neighbour."""
    (_, index, _, flags, _), found = opened(message, NDMSG)
    if not flags & NTF_PROXY or NDA_DST not in found:
        return None
    protocol = as_number(found[NDA_PROTOCOL]) if NDA_PROTOCOL in found else 0
    return RawProxy(index, ip_address(bytes(found[NDA_DST])), bool(flags & NTF_ROUTER), protocol)


def _described(proxy: RawProxy) -> bytes:
    flags = NTF_PROXY | (NTF_ROUTER if proxy.router else 0)
    # As ip(8) makes it: since Linux 6.18 any other goes with the carrier.
    header = NDMSG.pack(FAMILIES[proxy.address.version], proxy.index, NUD_PERMANENT, flags, 0)
    made = attribute(NDA_PROTOCOL, U8.pack(proxy.protocol)) if proxy.protocol else b""
    return header + attribute(NDA_DST, proxy.address.packed) + made
