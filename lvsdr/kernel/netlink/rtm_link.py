"""rtnetlink: dump links, find, make and delete one, set its flags (linux/if_link.h)."""

from __future__ import annotations

import struct

from lvsdr.kernel.netlink.netlink_messages import (
    NOTHING,
    U32,
    as_number,
    as_text,
    pack_attribute,
    unpack_attributes,
    unpack_message,
)
from lvsdr.kernel.netlink.route_socket import CREATE, EXCLUSIVE, RouteSocket
from lvsdr.model.late_dataclasses import dataclass

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
IFINFOMSG = struct.Struct("=BxHiII")
NSID = struct.Struct("=i")
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_QDISC, IFLA_MASTER = 1, 3, 4, 5, 6, 10
IFLA_LINKINFO, IFLA_EXT_MASK, IFLA_LINK_NETNSID = 18, 29, 37
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
# Counters are two thirds of what the kernel says of a link.
RTEXT_FILTER_SKIP_STATS = 0x8
WITHOUT_COUNTERS = pack_attribute(IFLA_EXT_MASK, U32.pack(RTEXT_FILTER_SKIP_STATS))

IFF_UP, IFF_LOOPBACK, IFF_NOARP = 0x1, 0x8, 0x80


@dataclass(frozen=True, slots=True)
class RawLink:
    """A link as the kernel shows it.

    `kind` is the kernel's word (IFLA_INFO_KIND), empty for hardware, and `data` the attributes of
    that kind. `master` is the index of the bridge or bond that it is a port of, `part_of` the kind
    of that, `part` the attributes of the port. `below` is the index of the link that it lies on,
    or of its peer (veth); `far` is the number of the namespace of that link, None for this one.
    An index of 0 means none.
    """

    index: int
    name: str
    kind: str = ""
    flags: int = 0
    mac: str = ""
    mtu: int = 0
    qdisc: str = ""
    master: int = 0
    part_of: str = ""
    below: int = 0
    far: int | None = None
    data: bytes = b""
    part: bytes = b""

    @property
    def up(self) -> bool:
        return bool(self.flags & IFF_UP)

    @property
    def arp(self) -> bool:
        return not self.flags & IFF_NOARP

    @property
    def loopback(self) -> bool:
        return bool(self.flags & IFF_LOOPBACK)


Links = dict[int, RawLink]
"""Links by their indexes, in the kernel's order."""


def dump(socket: RouteSocket) -> Links:
    """Return every link of the namespace; raises OSError."""
    body = _described(0) + WITHOUT_COUNTERS
    return {link.index: link for link in socket.dump(RTM_GETLINK, body, decode)}


def find(socket: RouteSocket, name: str) -> RawLink:
    """Return the link `name`; raises OSError, ENODEV where there is none."""
    body = _described(0) + WITHOUT_COUNTERS + _named(name)
    return socket.get(RTM_GETLINK, body, decode)


def set_flags(socket: RouteSocket, index: int, flags: int, mask: int) -> None:
    """Set the flags of a link that are in `mask` to `flags`; raises OSError."""
    socket.change(RTM_NEWLINK, _described(index, flags, mask))


def make(socket: RouteSocket, name: str, kind: str) -> None:
    """Make a link of a kind that needs no more to be said; raises OSError."""
    info = pack_attribute(IFLA_INFO_KIND, kind.encode() + b"\0")
    body = _described(0) + _named(name) + pack_attribute(IFLA_LINKINFO, info)
    socket.change(RTM_NEWLINK, body, CREATE | EXCLUSIVE)


def delete(socket: RouteSocket, index: int) -> None:
    """Delete a link; raises OSError."""
    socket.change(RTM_DELLINK, _described(index))


def decode(message: memoryview) -> RawLink:
    """Return the link in a message."""
    (_, _, index, flags, _), found = unpack_message(message, IFINFOMSG)
    info = unpack_attributes(found.get(IFLA_LINKINFO, NOTHING))
    return RawLink(
        index=index,
        name=as_text(found[IFLA_IFNAME]),
        kind=as_text(info.get(IFLA_INFO_KIND, NOTHING)),
        flags=flags,
        mac=bytes(found.get(IFLA_ADDRESS, b"")).hex(":"),
        mtu=as_number(found.get(IFLA_MTU, NOTHING)),
        qdisc=as_text(found.get(IFLA_QDISC, NOTHING)),
        master=as_number(found.get(IFLA_MASTER, NOTHING)),
        part_of=as_text(info.get(IFLA_INFO_SLAVE_KIND, NOTHING)),
        below=as_number(found.get(IFLA_LINK, NOTHING)),
        far=NSID.unpack(found[IFLA_LINK_NETNSID])[0] if IFLA_LINK_NETNSID in found else None,
        data=bytes(info.get(IFLA_INFO_DATA, NOTHING)),
        part=bytes(info.get(IFLA_INFO_SLAVE_DATA, NOTHING)),
    )


def _described(index: int, flags: int = 0, mask: int = 0) -> bytes:
    return IFINFOMSG.pack(0, 0, index, flags, mask)


def _named(name: str) -> bytes:
    return pack_attribute(IFLA_IFNAME, name.encode() + b"\0")
