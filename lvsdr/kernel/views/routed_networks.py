"""The destinations of the host's routes: where the answer of a routing table may change."""

from __future__ import annotations

from contextlib import closing, suppress

from lvsdr.kernel.kernel_errors import reading
from lvsdr.kernel.netlink import rtm_route
from lvsdr.kernel.netlink.route_socket import FAMILIES, RouteSocket
from lvsdr.model.address import IPNetwork

# A router may have a million; who has so many leads no network of its clients astray by hand.
MOST = 2000


def networks(most: int = MOST) -> tuple[IPNetwork, ...]:
    """Return the destinations of the first `most` routes of each family, each once."""
    found: list[IPNetwork] = []
    for version in FAMILIES:
        # A socket of its own: the rest of a long list is left behind with it. Before its first
        # route a namespace has no table.
        with reading("the routes"), closing(RouteSocket()) as wire, suppress(FileNotFoundError):
            found += rtm_route.destinations(wire, version, most)
    return tuple(dict.fromkeys(found))
