"""Routes that lead nowhere, in the main table."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Any

from lvsdr.kernel.errno import explained, reading
from lvsdr.kernel.sockets import Sockets
from lvsdr.model.address import IPNetwork
from lvsdr.model.change import Change
from lvsdr.model.objects import Key, Object, Route

RT_TABLE_MAIN = 254
RTPROT_STATIC = 4
TYPES = {"blackhole": 6, "unreachable": 7}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Routes:
    """The routes of the namespace that are of no use to anybody but a lost packet."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each route that is there."""
        wanted = set(keys)
        with reading("the routes"):
            found = [
                _route(kind, message)
                for version in sorted({ip_network(str(key[1])).version for key in wanted})
                for kind, number in TYPES.items()
                for message in self.dump(version, number)
            ]
        yield from (route for route in found if route.key in wanted)

    def execute(self, change: Change) -> None:
        """Add or delete one route."""
        with explained(f"{change.verb} route {change.subject}"):
            if isinstance(change.before, Route):
                self._send("del", change.before)
            if isinstance(change.after, Route):
                self._send("add", change.after)

    def _send(self, command: str, route: Route) -> None:
        self._sockets.route.route(
            command,
            family=FAMILIES[route.destination.version],
            dst=str(route.destination),
            priority=route.metric,
            type=TYPES[route.route_kind],
            table=RT_TABLE_MAIN,
            proto=RTPROT_STATIC,
        )

    def dump(self, version: int, number: int) -> Iterator[Any]:
        """Yield the routes of one type, filtered by the kernel where it can, and by us."""
        messages = self._sockets.route.route(
            "dump", family=FAMILIES[version], table=RT_TABLE_MAIN, type=number
        )
        yield from (item for item in messages if item["type"] == number)


def dead_ends(sockets: Sockets) -> frozenset[IPNetwork]:
    """Return the destinations of the main table's routes that lead nowhere."""
    table = Routes(sockets)
    with reading("the routes"):
        return frozenset(
            _route(kind, message).destination
            for version in FAMILIES
            for kind, number in TYPES.items()
            for message in table.dump(version, number)
        )


def _route(kind: str, message: Any) -> Route:
    anywhere = "0.0.0.0" if message["family"] == socket.AF_INET else "::"  # noqa: S104 - a prefix
    destination = f"{message.get_attr('RTA_DST') or anywhere}/{message['dst_len']}"
    return Route(ip_network(destination), message.get_attr("RTA_PRIORITY") or 0, kind)
