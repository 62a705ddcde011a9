"""The gateways of this host's routes: through them all that is far comes and goes."""

from __future__ import annotations

from lvsdr.kernel.kernel_errors import reading
from lvsdr.kernel.netlink import rtm_link, rtm_next_hop
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.route_socket import FAMILIES
from lvsdr.model.address import IPAddress

# A host that spreads load has a handful; a router that has the whole Internet's, few gateways.
MOST = 4096


def next_hops(link: str | None = None) -> tuple[IPAddress, ...]:
    """Return the gateways on `link`, or on every link, in their order, IPv4 first.

    Raises KernelError. Of a table of many thousand routes only the first are looked at.
    """
    found: set[rtm_next_hop.Hop] = set()
    for version in FAMILIES:
        # Its own sockets: after a part of a large table they are of no more use.
        with Sockets() as sockets, reading("the routes"):
            links = rtm_link.dump(sockets.rtnetlink)
            indexes = {each.index for each in links.values() if link in (None, each.name)}
            hops = rtm_next_hop.dump(sockets.rtnetlink, version, MOST)
            found |= {(index, address) for index, address in hops if index in indexes}
    addresses = {address for _, address in found}
    return tuple(sorted(addresses, key=lambda each: (each.version, int(each))))
