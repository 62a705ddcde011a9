"""How every kind of holder holds a VIP."""

from __future__ import annotations

from ipaddress import IPv6Address

from lvsdr.model.address import IPAddress, host_interface
from lvsdr.model.objects import Address


def held(link: str, vip: IPAddress) -> Address:
    """Return `vip` as a host address of `link` that is never the source of anything."""
    # A host prefix: with a wider one, the real server would claim the clients' subnet as its own.
    ip = host_interface(vip)
    if isinstance(vip, IPv6Address):
        return Address(link, ip, deprecated=True)
    # Scope host: a real server whose uplink has no address would else ask ARP in the VIP's name,
    # even with arp_announce=2.
    return Address(link, ip, label=link, scope="host")
