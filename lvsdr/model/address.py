"""Names for the address types of the standard library, both families at once."""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_interface,
    ip_network,
)

IPAddress = IPv4Address | IPv6Address
IPInterface = IPv4Interface | IPv6Interface
IPNetwork = IPv4Network | IPv6Network


def host_interface(address: IPAddress) -> IPInterface:
    """Return `address` with the prefix of a host: /32 or /128."""
    return ip_interface((address, address.max_prefixlen))


def host_network(address: IPAddress) -> IPNetwork:
    """Return the network that holds `address` alone."""
    return ip_network((address, address.max_prefixlen))
