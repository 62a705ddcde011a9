"""The networks that clients come from: what a schema cannot check about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_interface, ip_network

from lvsdr.model.address import IPNetwork
from lvsdr.profile.reader.refusal import distinct, misfit
from lvsdr.profile.reader.wording import Pointer, shown

MOST = 1024
"""The way to each of them is asked for."""


def client_networks(texts: Sequence[str]) -> tuple[IPNetwork, ...]:
    """Return the networks that `texts` are, each one once; raise Refusal."""
    if len(texts) > MOST:
        message = f"{len(texts)} networks; {MOST} are the most"
        raise misfit(("clients",), message, "write wider prefixes")
    found = (_network(text, ("clients", place)) for place, text in enumerate(texts))
    return distinct(found, "clients")


def _network(text: str, where: Pointer) -> IPNetwork:
    try:
        interface = ip_interface(re.sub("%[^/]*", "", text))
    except ValueError:
        remedy = "write ADDRESS/LENGTH, for example 10.0.0.0/8"
        raise misfit(where, f"{shown(text)} is not an IPv4 or IPv6 network", remedy) from None
    if "/" not in text:
        remedy = f"write {interface.network} for that address alone"
        raise misfit(where, f"{shown(text)} has no prefix length", remedy)
    length = text.partition("/")[2]
    if "%" in text or length != str(interface.network.prefixlen):
        raise misfit(where, f"{shown(text)} is not a prefix", f"write {interface.network}")
    if interface.ip != interface.network.network_address:
        raise misfit(where, f"{shown(text)} is a host of a network", f"write {interface.network}")
    return ip_network(text)
