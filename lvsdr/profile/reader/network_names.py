"""Addresses, names of links and labels: what a schema cannot check about them."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_network
from socket import inet_aton, inet_ntoa

from lvsdr.model.address import IPAddress, host_fault, parsed_address
from lvsdr.profile.reader.refusal import misfit
from lvsdr.profile.reader.wording import Pointer, shown

# IFNAMSIZ is 16 and counts the zero byte at the end.
LONGEST_LINK = 15
# The first bytes of which every IPv4 address is a host's; the others have to be looked at.
UNICAST = frozenset(range(1, 224)) - {127}


def host_address(text: str, where: Pointer, noun: str) -> IPAddress:
    """Return the address that `text` is; raise Refusal where no host can have it.

    `noun` is VIP or RIP.
    """
    address = _parsed(text)
    if isinstance(address, IPv4Address) and address.packed[0] in UNICAST:
        return address
    if address is None or getattr(address, "scope_id", None):
        raise misfit(where, f"{shown(text)} is not {_kind(text)}", _mended(text, noun))
    fault = host_fault(address)
    if fault:
        raise misfit(where, f"{shown(text)} is {fault}, not a {noun}", _other(address, noun))
    return address


def surely_a_host(text: str) -> bool:
    """Return whether `text` is the IPv4 address of a host; where not, `host_address` knows."""
    try:
        packed = inet_aton(text)
    except (OSError, ValueError):
        return False
    return packed[0] in UNICAST and inet_ntoa(packed) == text


def family(address: IPAddress) -> str:
    """Return the kernel's word for the family of `address`: inet or inet6."""
    return "inet6" if isinstance(address, IPv6Address) else "inet"


def ip_version(family_name: str) -> str:
    """Return the family as people say it: IPv4 or IPv6."""
    return "IPv6" if family_name == "inet6" else "IPv4"


def link_name(text: str, where: Pointer) -> str:
    """Return `text`, which is as the schema says; raise Refusal where it is too long in UTF-8."""
    if not fits(text):
        raise misfit(
            where,
            f"{shown(text)} has {len(text.encode())} bytes, {LONGEST_LINK} are the most",
            "letters outside of ASCII take more than one byte",
        )
    return text


def fits(text: str) -> bool:
    """Return whether the kernel has room for `text` as the name of a link or a label."""
    return len(text.encode()) <= LONGEST_LINK


def _parsed(text: str) -> IPAddress | None:
    try:
        return parsed_address(text)
    except ValueError:
        return None


def _other(address: IPAddress, noun: str) -> str:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return f"write {address.ipv4_mapped}"
    if noun == "RIP":
        return "write the real server's own address on the segment of the director"
    return "write the address that clients connect to"


def _kind(text: str) -> str:
    if _parsed(re.split("[/%]", text)[0]):
        return "a bare host address"
    return "an IPv4 or IPv6 address"


def _mended(text: str, noun: str) -> str:
    """Return what somebody who wrote `text` probably meant to write."""
    if _is_network(text):
        return f"write one address of it: a {noun} has no prefix length"
    for guess in _guesses(text):
        address = _parsed(guess)
        if address is not None and host_fault(address):
            return _other(address, noun)
        if address is not None:
            return f"write {address}{_why(text, noun)}"
    return f"names are not looked up: write the {noun} itself, for example 192.168.1.2"


def _is_network(text: str) -> bool:
    """Return whether `text` is a network and not a host of it, as it is in 192.168.1.2/24."""
    try:
        return ip_network(text).num_addresses > 1
    except ValueError:
        return False


def _guesses(text: str) -> list[str]:
    bare = text.strip().partition("%")[0]
    return [
        bare,
        bare.partition("/")[0],
        re.sub(r"\b0+(?=\d)", "", bare),
        re.sub(r":\d+$", "", bare),
        re.sub(r"^\[(.*)\](:\d+)?$", r"\1", bare),
    ]


def _why(text: str, noun: str) -> str:
    if "/" in text:
        return f": a {noun} is a host address, and has no prefix length"
    if "%" in text:
        return ": no link belongs to it"
    if re.search(r"\]?:\d+$", text):
        return ", and the port into port"
    return ""
