"""Addresses of links."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_interface
from typing import Any

from lvsdr.kernel.errno import Reasons, explained, reading
from lvsdr.kernel.sockets import Sockets
from lvsdr.model.address import IPInterface
from lvsdr.model.change import Change
from lvsdr.model.objects import Address, Key, Object

IFA_F_NODAD, IFA_F_DEPRECATED = 0x02, 0x20
FOREVER = 0xFFFFFFFF
SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
SCOPE_NAMES = {number: name for name, number in SCOPES.items()}


class Addresses:
    """The addresses of the namespace."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each address that is there."""
        wanted = set(keys)
        with reading("the addresses"):
            found = list(all_addresses(self._sockets.route))
        yield from (address for address in found if address.key in wanted)

    def on_links(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield the addresses of the links `keys`, but for those that the kernel gave them."""
        wanted = {key[1] for key in keys}
        with reading("the addresses"):
            found = list(all_addresses(self._sockets.route))
        for address in found:
            if address.link in wanted and not address.ip.is_link_local:
                yield address

    def execute(self, change: Change) -> None:
        """Add or delete one address; label and scope change only by doing both."""
        with explained(f"{change.verb} address {change.subject}", _reasons(change)):
            if isinstance(change.before, Address):
                self._send("del", change.before)
            if isinstance(change.after, Address):
                self._send("add", change.after, **_manner(change.after))

    def _send(self, command: str, address: Address, **manner: Any) -> None:
        route = self._sockets.route
        index = next(iter(route.link("get", ifname=address.link)))["index"]
        family = socket.AF_INET if address.ip.version == 4 else socket.AF_INET6
        route.addr(
            command,
            index=index,
            family=family,
            address=str(address.ip.ip),
            prefixlen=address.ip.network.prefixlen,
            **manner,
        )


def _reasons(change: Change) -> Reasons:
    link = change.key[2]
    # The kernel's word for an IPv6 address on a link where IPv6 is switched off.
    hint = f"sysctl -w net/ipv6/conf/{link}/disable_ipv6=0"
    return {errno.EACCES: (f"IPv6 is disabled on {link}", (hint,))}


def _manner(address: Address) -> dict[str, Any]:
    if address.ip.version == 4:
        return {"label": address.label or address.link, "scope": SCOPES[address.scope]}
    # Duplicate address detection would find the other owners of the VIP and disable it.
    manner: dict[str, Any] = {"flags": IFA_F_NODAD}
    if address.deprecated:
        # Usable, but never chosen as a source.
        manner |= {"preferred_lft": 0, "valid_lft": FOREVER}
    return manner


def all_addresses(route: Any) -> Iterator[Address]:
    """Yield every address of the namespace, in the kernel's order."""
    names: dict[int, str] = {}
    for message in route.link("dump"):
        names[message["index"]] = message.get_attr("IFLA_IFNAME")
    for message in route.addr("dump"):
        yield _address(names.get(message["index"], ""), message)


def _address(link: str, message: Any) -> Address:
    flags = message.get_attr("IFA_FLAGS") or message["flags"]
    # On a point-to-point link IFA_ADDRESS is the peer's, IFA_LOCAL ours.
    local = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    ip: IPInterface = ip_interface(f"{local}/{message['prefixlen']}")
    scope = message["scope"]
    ipv4 = ip.version == 4
    return Address(
        link=link,
        ip=ip,
        label=message.get_attr("IFA_LABEL") if ipv4 else None,
        scope=SCOPE_NAMES.get(scope, str(scope)) if ipv4 else "global",
        # IPv4 ignores it, so it makes no difference there.
        deprecated=bool(flags & IFA_F_DEPRECATED) and not ipv4,
    )
