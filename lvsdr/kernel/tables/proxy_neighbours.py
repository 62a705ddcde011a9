"""The table of proxy neighbours: addresses that this host answers for on a link as a proxy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from lvsdr.kernel.kernel_errors import explained, reading
from lvsdr.kernel.netlink import rtm_link, rtm_neighbour
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.route_socket import FAMILIES
from lvsdr.kernel.netlink.rtm_link import Links
from lvsdr.kernel.netlink.rtm_neighbour import NTF_PROXY, NTF_ROUTER
from lvsdr.model.change import Change
from lvsdr.model.objects import Key, Object, ProxyNeighbour


class Proxies:
    """The proxy neighbours of the namespace."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each entry; one that does not exist is an object that says so."""
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
        wire = self._sockets.rtnetlink
        self._sockets.route.neigh(
            command,
            family=FAMILIES[entry.address.version],
            dst=str(entry.address),
            ifindex=rtm_link.find(wire, entry.link).index if entry.link else 0,
            # As ip(8) makes it: since Linux 6.18 any other goes with the carrier.
            state="permanent",
            flags=NTF_PROXY | (NTF_ROUTER if entry.router else 0),
            protocol=entry.protocol,
        )


def every_proxy(sockets: Sockets, links: Links | None = None) -> Iterator[ProxyNeighbour]:
    """Yield every proxy neighbour of the namespace; `links` are its links, where they are known."""
    with reading("the proxied neighbours"):
        found = rtm_neighbour.dump_proxies(sockets.rtnetlink)
        if found and links is None:
            links = rtm_link.dump(sockets.rtnetlink)
    for each in found:
        if each.index and each.index not in (links or {}):
            # Gone with its link since.
            continue
        name = links[each.index].name if links and each.index else ""
        yield ProxyNeighbour(name, each.address, router=each.router, protocol=each.protocol)
