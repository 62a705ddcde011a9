"""rtnetlink: dump, add and delete addresses (linux/if_addr.h)."""

from __future__ import annotations

import struct
import time
from ipaddress import IPv4Interface, IPv6Interface, ip_address

from lvsdr.kernel.netlink import rtm_route
from lvsdr.kernel.netlink.netlink_messages import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    NOTHING,
    U32,
    Attributes,
    as_number,
    as_text,
    pack_attribute,
    unpack_message,
)
from lvsdr.kernel.netlink.route_socket import CREATE, EXCLUSIVE, REPLACE, RouteSocket
from lvsdr.model.address import IPInterface
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.other_attributes import AddressAttributes

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
IFADDRMSG = struct.Struct("=BBBBI")
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_CACHEINFO = 1, 2, 3, 4, 6
IFA_FLAGS, IFA_RT_PRIORITY, IFA_PROTO = 8, 9, 11
# Seconds preferred, seconds valid; when made and changed, which the kernel alone knows.
CACHEINFO = struct.Struct("=II8x")
FOREVER = 0xFFFFFFFF
IFA_F_SECONDARY = 0x01
IFA_F_NODAD, IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_TENTATIVE = 0x02, 0x08, 0x20, 0x40
# Those that may be asked for: nodad, optimistic, home, mngtmpaddr, noprefixroute, autojoin.
SETTABLE = 0x02 | 0x04 | 0x10 | 0x100 | 0x200 | 0x400
SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
SCOPE_NAMES = {number: name for name, number in SCOPES.items()}


@dataclass(frozen=True, slots=True)
class RawAddress:
    """An address as the kernel shows it, on the link `index`; only IPv4 has a label.

    With `others`, it is added with these attributes too, and their flags and lifetimes.
    """

    index: int
    ip: IPInterface
    scope: str = "global"
    flags: int = 0
    label: str | None = None
    others: AddressAttributes | None = field(default=None, compare=False, repr=False)

    @property
    def secondary(self) -> bool:
        return self.ip.version == 4 and bool(self.flags & IFA_F_SECONDARY)

    @property
    def deprecated(self) -> bool:
        return bool(self.flags & IFA_F_DEPRECATED)

    @property
    def tentative(self) -> bool:
        return bool(self.flags & IFA_F_TENTATIVE)

    @property
    def failed(self) -> bool:
        return bool(self.flags & IFA_F_DADFAILED)


def dump(wire: RouteSocket, index: int = 0) -> list[RawAddress]:
    """Return every address of the namespace, or those of one link; raises OSError."""
    body = IFADDRMSG.pack(AF_UNSPEC, 0, 0, 0, index)
    found = wire.dump(RTM_GETADDR, body, decode)
    # Kernels before 4.20 know no filter.
    return [address for address in found if index in (0, address.index)]


def add(wire: RouteSocket, address: RawAddress) -> None:
    """Add an address; raises OSError."""
    others, flags = address.others, _first_flags(address)
    checked = others is not None and address.ip.version == 6 and not flags & IFA_F_NODAD
    first = flags | IFA_F_NODAD if checked else flags
    wire.change(RTM_NEWADDR, _described(address, first), CREATE | EXCLUSIVE)
    if checked:
        # It has been looked for once: it is not to be out of service for another second.
        amend(wire, address)


def _first_flags(address: RawAddress) -> int:
    """Return the flags to add an address with."""
    others = address.others
    return address.flags & ~IFA_F_DEPRECATED if others is None else others.flags


def _described(address: RawAddress, flags: int) -> bytes:
    # What has no name is a number.
    scope = SCOPES[address.scope] if address.scope in SCOPES else int(address.scope)
    body = _identity(address, scope)
    if address.label is not None:
        body += pack_attribute(IFA_LABEL, address.label.encode() + b"\0")
    if flags or address.others is not None:
        body += pack_attribute(IFA_FLAGS, U32.pack(flags))
    if address.others is not None:
        return body + _packed(address.others)
    if address.deprecated:
        # No flag that one may set: the kernel knows an old address by its lifetime.
        body += pack_attribute(IFA_CACHEINFO, CACHEINFO.pack(0, FOREVER))
    return body


def _packed(others: AddressAttributes) -> bytes:
    """Return the attributes of an address, with the time that is left of it."""
    parts = []
    if others.broadcast is not None:
        parts.append(pack_attribute(IFA_BROADCAST, ip_address(others.broadcast).packed))
    if others.metric:
        parts.append(pack_attribute(IFA_RT_PRIORITY, U32.pack(others.metric)))
    if others.protocol:
        parts.append(pack_attribute(IFA_PROTO, bytes([others.protocol])))
    # The kernel takes no address that has no time left.
    valid = max(1, _left(others.valid_until))
    preferred = min(_left(others.preferred_until), valid)
    return b"".join(parts) + pack_attribute(IFA_CACHEINFO, CACHEINFO.pack(preferred, valid))


def _left(until: int | None) -> int:
    """Return how many seconds are left until a time of CLOCK_MONOTONIC."""
    return FOREVER if until is None else max(0, until - round(time.monotonic()))


def renew(wire: RouteSocket, before: RawAddress, after: RawAddress) -> None:
    """Delete an address and add it, so that it is the last one of its link; raises OSError.

    Meanwhile a route keeps packets for an IPv4 address on this host, where lo is up. All of it is
    one request: whoever is killed has done nothing of it, or everything.
    """
    if after.ip.version == 6:
        delete(wire, before)
        add(wire, after)
        return
    held = rtm_route.held(after.ip.ip)
    refused = wire.change_all(
        (
            (rtm_route.RTM_NEWROUTE, held, CREATE | EXCLUSIVE),
            (RTM_DELADDR, _identity(before, 0), 0),
            (RTM_NEWADDR, _described(after, _first_flags(after)), CREATE | EXCLUSIVE),
            (rtm_route.RTM_DELROUTE, held, 0),
        )
    )
    # What was never there need not go.
    for place in (1, 2) if 0 in refused else (1, 2, 3):
        if place in refused:
            raise refused[place]


def amend(wire: RouteSocket, address: RawAddress) -> None:
    """Give an address that is there its flags, and its time to live; raises OSError."""
    wire.change(RTM_NEWADDR, _described(address, _first_flags(address)), REPLACE)


def delete(wire: RouteSocket, address: RawAddress) -> None:
    """Delete an address; raises OSError."""
    wire.change(RTM_DELADDR, _identity(address, 0))


def decode(message: memoryview) -> RawAddress:
    """Return the address in a message."""
    (family, length, flags, scope, index), found = unpack_message(message, IFADDRMSG)
    # On a point-to-point link IFA_ADDRESS is the peer's, IFA_LOCAL ours.
    packed = bytes(found[IFA_LOCAL] if IFA_LOCAL in found else found[IFA_ADDRESS])
    ipv4 = family == AF_INET
    return RawAddress(
        index=index,
        ip=IPv4Interface((packed, length)) if ipv4 else IPv6Interface((packed, length)),
        scope=SCOPE_NAMES.get(scope, str(scope)),
        # The header has room for the first eight.
        flags=as_number(found[IFA_FLAGS]) if IFA_FLAGS in found else flags,
        label=as_text(found[IFA_LABEL]) if IFA_LABEL in found else None,
        others=_others(found, flags),
    )


def _others(found: Attributes, flags: int) -> AddressAttributes:
    local, far = found.get(IFA_LOCAL), found.get(IFA_ADDRESS)
    preferred, valid = FOREVER, FOREVER
    if IFA_CACHEINFO in found:
        preferred, valid = CACHEINFO.unpack_from(found[IFA_CACHEINFO])
    every = as_number(found[IFA_FLAGS]) if IFA_FLAGS in found else flags
    return AddressAttributes(
        peer=_text(far) if local is not None and far is not None and local != far else None,
        broadcast=_text(found[IFA_BROADCAST]) if IFA_BROADCAST in found else None,
        metric=as_number(found.get(IFA_RT_PRIORITY, NOTHING)),
        protocol=as_number(found.get(IFA_PROTO, NOTHING)),
        flags=every & SETTABLE,
        valid_until=_until(valid),
        preferred_until=_until(preferred),
    )


def _until(seconds: int) -> int | None:
    return None if seconds == FOREVER else round(time.monotonic()) + seconds


def _text(packed: memoryview) -> str:
    return str(ip_address(bytes(packed)))


def _identity(address: RawAddress, scope: int) -> bytes:
    ipv4 = address.ip.version == 4
    family, length = AF_INET if ipv4 else AF_INET6, address.ip.network.prefixlen
    packed = address.ip.packed
    peer = address.others.peer if address.others is not None else None
    # Its own address is IFA_LOCAL, the other end's IFA_ADDRESS; IPv6 without one has no IFA_LOCAL.
    own = pack_attribute(IFA_LOCAL, packed) if ipv4 or peer else b""
    far = ip_address(peer).packed if peer else packed
    header = IFADDRMSG.pack(family, length, 0, scope, address.index)
    return header + pack_attribute(IFA_ADDRESS, far) + own
