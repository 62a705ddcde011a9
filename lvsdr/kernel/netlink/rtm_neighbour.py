"""rtnetlink: dump proxy neighbours (linux/neighbour.h)."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from lvsdr.kernel.netlink.netlink_messages import NOTHING, as_number, unpack_message
from lvsdr.kernel.netlink.route_socket import FAMILIES, RouteSocket
from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass

RTM_GETNEIGH = 30
# Family, index, state, flags, type.
NDMSG = struct.Struct("=B3xiHBB")
NDA_DST, NDA_PROTOCOL = 1, 12
NTF_PROXY, NTF_ROUTER = 0x08, 0x80


@dataclass(frozen=True, slots=True)
class RawProxy:
    """An address that this host answers for as a proxy, on the link `index`; 0 means every link."""

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
        for found in wire.dump(RTM_GETNEIGH, NDMSG.pack(family, 0, 0, NTF_PROXY, 0), decode)
        if found is not None
    ]


def decode(message: memoryview) -> RawProxy | None:
    """Return the proxy entry in a message, None where it is another neighbour."""
    (_, index, _, flags, _), found = unpack_message(message, NDMSG)
    if not flags & NTF_PROXY or NDA_DST not in found:
        return None
    protocol = as_number(found.get(NDA_PROTOCOL, NOTHING))
    return RawProxy(index, ip_address(bytes(found[NDA_DST])), bool(flags & NTF_ROUTER), protocol)
