"""rtnetlink: dump, add and delete addresses (linux/if_addr.h)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface

from lvsdr.kernel.netlink.netlink_messages import (
    U32,
    as_number,
    as_text,
    pack_attribute,
    unpack_message,
)
from lvsdr.kernel.netlink.route_socket import CREATE, EXCLUSIVE, RouteSocket
from lvsdr.model.address import IPInterface

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
IFADDRMSG = struct.Struct("=BBBBI")
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_CACHEINFO, IFA_FLAGS = 1, 2, 3, 6, 8
# Seconds preferred, seconds valid; when made and changed, which the kernel alone knows.
CACHEINFO = struct.Struct("=II8x")
FOREVER = 0xFFFFFFFF
IFA_F_NODAD, IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_TENTATIVE = 0x02, 0x08, 0x20, 0x40
SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
SCOPE_NAMES = {number: name for name, number in SCOPES.items()}


@dataclass(frozen=True, slots=True)
class RawAddress:
    """An address as the kernel shows it, on the link `index`; only IPv4 has a label."""

    index: int
    ip: IPInterface
    scope: str = "global"
    flags: int = 0
    label: str | None = None

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
    body = IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, index)
    found = wire.dump(RTM_GETADDR, body, decode)
    # Kernels before 4.20 know no filter.
    return [address for address in found if index in (0, address.index)]


def add(wire: RouteSocket, address: RawAddress) -> None:
    """Add an address; raises OSError."""
    # What has no name is a number.
    scope = SCOPES[address.scope] if address.scope in SCOPES else int(address.scope)
    body = _identity(address, scope)
    if address.label is not None:
        body += pack_attribute(IFA_LABEL, address.label.encode() + b"\0")
    if address.flags:
        body += pack_attribute(IFA_FLAGS, U32.pack(address.flags & ~IFA_F_DEPRECATED))
    if address.deprecated:
        # No flag that one may set: the kernel knows an old address by its lifetime.
        body += pack_attribute(IFA_CACHEINFO, CACHEINFO.pack(0, FOREVER))
    wire.change(RTM_NEWADDR, body, CREATE | EXCLUSIVE)


def delete(wire: RouteSocket, address: RawAddress) -> None:
    """Delete an address; raises OSError."""
    wire.change(RTM_DELADDR, _identity(address, 0))


def decode(message: memoryview) -> RawAddress:
    """Return the address in a message."""
    (family, length, flags, scope, index), found = unpack_message(message, IFADDRMSG)
    # On a point-to-point link IFA_ADDRESS is the peer's, IFA_LOCAL ours.
    packed = bytes(found[IFA_LOCAL] if IFA_LOCAL in found else found[IFA_ADDRESS])
    ipv4 = family == socket.AF_INET
    return RawAddress(
        index=index,
        ip=IPv4Interface((packed, length)) if ipv4 else IPv6Interface((packed, length)),
        scope=SCOPE_NAMES.get(scope, str(scope)),
        # The header has room for the first eight.
        flags=as_number(found[IFA_FLAGS]) if IFA_FLAGS in found else flags,
        label=as_text(found[IFA_LABEL]) if IFA_LABEL in found else None,
    )


def _identity(address: RawAddress, scope: int) -> bytes:
    ipv4 = address.ip.version == 4
    family, length = socket.AF_INET if ipv4 else socket.AF_INET6, address.ip.network.prefixlen
    packed = address.ip.packed
    # IPv4 knows its own address by IFA_LOCAL, and the other end's by IFA_ADDRESS.
    own = pack_attribute(IFA_LOCAL, packed) if ipv4 else b""
    header = IFADDRMSG.pack(family, length, 0, scope, address.index)
    return header + pack_attribute(IFA_ADDRESS, packed) + own
