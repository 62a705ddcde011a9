"""Proxy neighbours: the addresses for which a link answers in another's name."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from lvsdr.kernel.errno import explained, reading
from lvsdr.kernel.sockets import Sockets
from lvsdr.model.change import Change
from lvsdr.model.objects import Key, Object, ProxyNeighbour

# linux/neighbour.h
NTF_PROXY, NTF_ROUTER = 0x08, 0x80
NUD_PERMANENT = 0x80
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Proxies:
    """The proxy neighbours of the namespace."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each entry, those that are not there as such."""
        found = {entry.key: entry for entry in every_proxy(self._sockets)}
        for key in keys:
            _, link, address = key
            absent = ProxyNeighbour(str(link), ip_address(str(address)), there=False)
            yield found.get(key, absent)

    def execute(self, change: Change) -> None:
        """Add or delete one entry."""
        with explained(f"{change.verb} {change.subject.noun} {change.subject}"):
            for command, entry in (("del", change.before), ("add", change.after)):
                if isinstance(entry, ProxyNeighbour) and entry.there:
                    self._send(command, entry)

    def _send(self, command: str, entry: ProxyNeighbour) -> None:
        route = self._sockets.route
        index = next(iter(route.link("get", ifname=entry.link)))["index"] if entry.link else 0
        made = {"protocol": entry.protocol} if entry.protocol else {}
        route.neigh(
            command,
            family=FAMILIES[entry.address.version],
            dst=str(entry.address),
            ifindex=index,
            flags=NTF_PROXY | (NTF_ROUTER if entry.router else 0),
            # As ip(8) makes it: since Linux 6.18 any other goes with the carrier.
            state=NUD_PERMANENT,
            **made,
        )


def every_proxy(sockets: Sockets) -> Iterator[ProxyNeighbour]:
    """Yield every proxy neighbour of the namespace."""
    with reading("the proxied neighbours"):
        messages = [message for family in FAMILIES.values() for message in _dump(sockets, family)]
        links = sockets.route.link("dump") if messages else ()
        names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in links}
    for message in messages:
        index = message["ifindex"]
        if index and index not in names:
            # Gone with its link since.
            continue
        yield ProxyNeighbour(
            names[index] if index else "",
            ip_address(message.get_attr("NDA_DST")),
            router=bool(message["flags"] & NTF_ROUTER),
            protocol=message.get_attr("NDA_PROTOCOL") or 0,
        )


def _dump(sockets: Sockets, family: int) -> Iterator[Any]:
    # With a filter of our own pyroute2 sends the flag along, without which the kernel shows its
    # cache instead.
    yield from sockets.route.neigh(
        "dump", family=family, flags=NTF_PROXY, dump_filter=_names_an_address
    )


def _names_an_address(message: Any) -> bool:
    return bool(message["flags"] & NTF_PROXY) and message.get_attr("NDA_DST") is not None
