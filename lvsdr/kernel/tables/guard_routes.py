"""The table of guard routes: unreachable and blackhole routes in the main table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from lvsdr.kernel.kernel_errors import explained, reading
from lvsdr.kernel.netlink import rtm_route as raw
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.route_socket import FAMILIES
from lvsdr.kernel.netlink.rtm_route import BLACKHOLE, RTPROT_KERNEL, UNREACHABLE, RawRoute
from lvsdr.model.address import IPNetwork
from lvsdr.model.change import Change
from lvsdr.model.objects import Key, Object, Route
from lvsdr.model.other_attributes import RouteAttributes

TYPES = {"blackhole": BLACKHOLE, "unreachable": UNREACHABLE}
# systemd-networkd removes every route that it does not know whenever it sets up a link again, but
# for those of the kernel.
OURS = RouteAttributes(RTPROT_KERNEL, 0)


class Routes:
    """The routes of the main table that drop packets."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    def observe(self, keys: Iterable[Key]) -> Iterator[Object]:
        """Yield each route that is there."""
        wanted = set(keys)
        versions = sorted({ip_network(str(key[1])).version for key in wanted})
        yield from (route for route in _all(self._sockets, versions) if route.key in wanted)

    def execute(self, change: Change) -> None:
        """Add or delete one route."""
        wire = self._sockets.rtnetlink
        with explained(f"{change.verb} route {change.subject}"):
            if isinstance(change.before, Route):
                raw.delete(wire, _raw(change.before))
            if isinstance(change.after, Route):
                raw.add(wire, _raw(change.after))


def dead_ends(sockets: Sockets) -> frozenset[IPNetwork]:
    """Return the destinations of all unreachable and blackhole routes of the main table."""
    return frozenset(route.destination for route in _all(sockets, FAMILIES))


def _all(sockets: Sockets, versions: Iterable[int]) -> list[Route]:
    with reading("the routes"):
        return [
            Route(found.destination, found.metric, kind, found.others)
            for version in versions
            for kind, number in TYPES.items()
            for found in raw.dump(sockets.rtnetlink, version, number)
        ]


def _raw(route: Route) -> RawRoute:
    others = route.attributes or OURS
    return RawRoute(TYPES[route.route_kind], route.destination, route.metric, others=others)
