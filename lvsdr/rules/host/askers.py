"""Who may ask, or send: somebody near, by a link's subnets, and somebody far."""

from __future__ import annotations

from ipaddress import ip_address

from lvsdr.model.address import IPAddress
from lvsdr.model.host import Host

# Somebody on the Internet: addresses for documentation, to which nothing is ever sent.
FAR: dict[int, IPAddress] = {4: ip_address("198.51.100.7"), 6: ip_address("2001:db8:ffff::7")}


def neighbour(link: str, version: int, host: Host) -> IPAddress:
    """Return an address of a subnet of `link` that is not this host's, else a far one.

    A small subnet may be this host's as a whole.
    """
    own = host.ips
    near = (
        each
        for ip in host.addresses_of(link)
        if ip.version == version and ip.network.num_addresses > 1 and not ip.is_link_local
        for each in ip.network.hosts()
        if each not in own
    )
    return next(near, FAR[version])
