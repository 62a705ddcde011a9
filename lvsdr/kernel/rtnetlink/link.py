"""Links: listed, found by their names, made, set up, deleted (linux/if_link.h)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lvsdr.kernel.netlink_messages import (
    U32,
    Attributes,
    as_number,
    as_text,
    attribute,
    attributes,
    opened,
)
from lvsdr.kernel.rtnetlink import CREATE, EXCLUSIVE, RouteSocket

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
IFINFOMSG = struct.Struct("=BxHiII")
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_QDISC, IFLA_MASTER = 1, 3, 4, 5, 6, 10
IFLA_LINKINFO, IFLA_EXT_MASK, IFLA_LINK_NETNSID = 18, 29, 37
IFLA_INFO_KIND = 1
# Counters are two thirds of what the kernel says of a link.
RTEXT_FILTER_SKIP_STATS = 0x8
WITHOUT_COUNTERS = attribute(IFLA_EXT_MASK, U32.pack(RTEXT_FILTER_SKIP_STATS))

IFF_UP, IFF_LOOPBACK, IFF_NOARP = 0x1, 0x8, 0x80


@dataclass(frozen=True, slots=True)
class RawLink:
    """A link as the kernel shows it.

    `kind` is the kernel's word, empty for hardware; `master` is the index of the link that it is
    part of, `below` that of the link that it lies on, 0 where there is none in this namespace.
    """

    index: int
    name: str
    kind: str = ""
    flags: int = 0
    mac: str = ""
    mtu: int = 0
    qdisc: str = ""
    master: int = 0
    below: int = 0

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
    return {link.index: link for link in socket.dump(RTM_GETLINK, body, decoded)}


def find(socket: RouteSocket, name: str) -> RawLink:
    """Return the link `name`; raises OSError, ENODEV where there is none."""
    body = _described(0) + WITHOUT_COUNTERS + _named(name)
    return socket.get(RTM_GETLINK, body, decoded)


def make(socket: RouteSocket, name: str, kind: str) -> None:
    """Make a link, down; raises OSError."""
    info = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, kind.encode() + b"\0"))
    socket.change(RTM_NEWLINK, _described(0) + _named(name) + info, CREATE | EXCLUSIVE)


def set_flags(socket: RouteSocket, index: int, flags: int, mask: int) -> None:
    """Set those flags of a link that `mask` names; raises OSError."""
    socket.change(RTM_NEWLINK, _described(index, flags, mask))


def delete(socket: RouteSocket, index: int) -> None:
    """Delete a link; raises OSError."""
    socket.change(RTM_DELLINK, _described(index))


def decoded(message: memoryview) -> RawLink:
    """Return the link that a message tells of."""
    (_, _, index, flags, _), found = opened(message, IFINFOMSG)
    # One in another namespace (a veth's peer) is numbered there.
    here = IFLA_LINK in found and IFLA_LINK_NETNSID not in found
    return RawLink(
        index=index,
        name=as_text(found[IFLA_IFNAME]),
        kind=_kind(found),
        flags=flags,
        mac=bytes(found.get(IFLA_ADDRESS, b"")).hex(":"),
        mtu=as_number(found[IFLA_MTU]),
        qdisc=as_text(found[IFLA_QDISC]) if IFLA_QDISC in found else "",
        master=as_number(found[IFLA_MASTER]) if IFLA_MASTER in found else 0,
        below=as_number(found[IFLA_LINK]) if here else 0,
    )


def _kind(found: Attributes) -> str:
    if IFLA_LINKINFO not in found:
        return ""
    info = attributes(found[IFLA_LINKINFO])
    return as_text(info[IFLA_INFO_KIND]) if IFLA_INFO_KIND in info else ""


def _described(index: int, flags: int = 0, mask: int = 0) -> bytes:
    return IFINFOMSG.pack(0, 0, index, flags, mask)


def _named(name: str) -> bytes:
    return attribute(IFLA_IFNAME, name.encode() + b"\0")
