"""Names for the address types of the standard library, both families at once."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from socket import AF_INET, inet_ntop, inet_pton

IPAddress = IPv4Address | IPv6Address
IPInterface = IPv4Interface | IPv6Interface
IPNetwork = IPv4Network | IPv6Network

BROADCAST = IPv4Address("255.255.255.255")


@lru_cache(maxsize=65536)
def parsed_address(text: str) -> IPAddress:
    """Return the address that `text` is; raises ValueError.

    The same object for the same text: the same real servers serve many services, and two addresses
    that are one object need not be compared.
    """
    # As nearly all are; what is written otherwise, or is none, is told by whoever knows more.
    with suppress(OSError, ValueError, TypeError):
        packed = inet_pton(AF_INET, text)
        if inet_ntop(AF_INET, packed) == text:
            return IPv4Address(packed)
    return ip_address(text)


def host_interface(address: IPAddress) -> IPInterface:
    """Return `address` with the prefix of a host: /32 or /128."""
    return ip_interface((address, address.max_prefixlen))


def kernel_identity(ip: IPInterface) -> str:
    """Return what tells an address from all others of its link.

    Of IPv4 the kernel holds one with each prefix length, of IPv6 one alone.
    """
    return str(ip if ip.version == 4 else host_interface(ip.ip))


def wide_prefix(ip: IPInterface) -> str:
    """Return "/64, " for an IPv6 address of a subnet, which its identity does not tell."""
    return "" if ip.version == 4 or ip.network.prefixlen == 128 else f"/{ip.network.prefixlen}, "


def host_network(address: IPAddress) -> IPNetwork:
    """Return the network that holds `address` alone."""
    return ip_network((address, address.max_prefixlen))


def endpoint(address: IPAddress | str, port: int) -> str:
    """Return ADDRESS:PORT as people write it, an IPv6 address in brackets."""
    text = str(address)
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


def resolution_protocol(address: IPAddress) -> str:
    """Return the protocol by which a segment finds who has `address`: ARP or ND."""
    return "ARP" if address.version == 4 else "ND"


def host_fault(address: IPAddress) -> str | None:
    """Return why `address` is that of no host, so that it is neither a VIP nor a RIP; else None."""
    faults = {
        "an IPv4 address in IPv6 clothes": getattr(address, "ipv4_mapped", None) is not None,
        "a multicast address": address.is_multicast,
        "a loopback address": address.is_loopback,
        "the unspecified address": address.is_unspecified,
        "the broadcast address": address == BROADCAST,
        # IPVS refuses these as destinations, and an IPv6 VIP of one link is no use beyond it.
        "a link-local address": isinstance(address, IPv6Address) and address.is_link_local,
    }
    return next((fault for fault, found in faults.items() if found), None)
