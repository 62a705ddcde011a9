"""Give a host of the lab its link, addresses and routes by rtnetlink.

ip(8) would do it as well, but a process for each host is more than half of what a cluster costs.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from ipaddress import ip_network

from lvsdr.errors import KernelError
from lvsdr.kernel.netlink import rtm_address, rtm_link, rtm_route
from lvsdr.kernel.netlink.netlink_messages import pack_attribute
from lvsdr.kernel.netlink.route_socket import RouteSocket
from lvsdr.kernel.netlink.rtm_address import IFA_F_NODAD, RawAddress
from lvsdr.kernel.netlink.rtm_link import IFF_UP
from lvsdr.kernel.netlink.rtm_route import RTA_GATEWAY, UNICAST, RawRoute
from lvsdr.model.address import IPAddress, IPInterface, host_network
from lvsdr.model.other_attributes import RouteAttributes

# What ip(8) says of a route (linux/rtnetlink.h): made by hand, to a neighbour or by a gateway.
RTPROT_BOOT, SCOPE_GLOBAL, SCOPE_LINK = 3, 0, 253
EVERYWHERE = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}


def set_up(
    link: str,
    addresses: Iterable[IPInterface],
    neighbours: Iterable[IPAddress] = (),
    gateways: Iterable[IPAddress] = (),
) -> None:
    """Set `link` up on the host of this thread, with addresses and routes.

    `neighbours` are addresses on the link that no prefix covers; `gateways` lead to everywhere.
    Raises KernelError.
    """
    try:
        with closing(RouteSocket()) as wire:
            index = rtm_link.find(wire, link).index
            rtm_link.set_flags(wire, index, IFF_UP, IFF_UP)
            for ip in addresses:
                rtm_address.add(wire, _address(index, ip))
            for address in neighbours:
                rtm_route.add(wire, _to_neighbour(index, address))
            for gateway in gateways:
                rtm_route.add(wire, _by_gateway(index, gateway))
    except OSError as error:
        reason = str(error.strerror).lower()
        raise KernelError(f"cannot set up link {link}: {reason}", errno=error.errno or 0) from error


def _address(index: int, ip: IPInterface) -> RawAddress:
    # There are no duplicates here: nothing has to wait until that is known.
    return RawAddress(index, ip, flags=IFA_F_NODAD if ip.version == 6 else 0)


def _to_neighbour(index: int, address: IPAddress) -> RawRoute:
    others = RouteAttributes(RTPROT_BOOT, SCOPE_LINK if address.version == 4 else SCOPE_GLOBAL)
    return RawRoute(UNICAST, host_network(address), link=index, others=others)


def _by_gateway(index: int, gateway: IPAddress) -> RawRoute:
    packed = pack_attribute(RTA_GATEWAY, gateway.packed)
    others = RouteAttributes(RTPROT_BOOT, SCOPE_GLOBAL, packed.hex())
    return RawRoute(UNICAST, EVERYWHERE[gateway.version], link=index, others=others)
