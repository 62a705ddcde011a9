"""tunl0 as the holder: what comes through an IPIP tunnel arrives where the VIP is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.holders.held import held
from lvsdr.model.address import IPAddress
from lvsdr.model.objects import Link, Object, Sysctl


def hold(link: str, vips: Iterable[IPAddress]) -> Iterator[Object]:
    """Yield tunl0, up and without ARP, its reverse-path filter, and the VIPs on it."""
    yield Link(link, "ipip", up=True, arp=False)
    # A decapsulated packet arrives on tunl0 from a client whose route is another link: strict
    # filtering (1) drops it. The larger of `all` and the link counts, so 2 (loose) is enough
    # whatever `all` says, because the link has an address.
    yield Sysctl(f"net/ipv4/conf/{link}/rp_filter", "2")
    yield from (held(link, vip) for vip in vips)
