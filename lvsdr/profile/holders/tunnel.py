"""The end of a tunnel as the holder: what comes out of it arrives where the VIP is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.model.address import IPAddress
from lvsdr.model.objects import Link, Object, Sysctl
from lvsdr.profile.holders.held import held


def hold(kind: str, link: str, vips: Iterable[IPAddress]) -> Iterator[Object]:
    """Yield the tunnel's link, up and without ARP, its reverse-path filter, and the VIPs on it.

    `kind` is the kernel's word for the link, which is there by itself: ipip for tunl0.
    """
    yield Link(link, kind, up=True, arp=False)
    addresses = tuple(vips)
    # A decapsulated packet arrives on tunl0 from a client whose route is another link: strict
    # filtering (1) drops it. The larger of `all` and the link counts, so 2 (loose) is enough
    # whatever `all` says, because the link has an address. IPv6 has no such filter.
    if any(vip.version == 4 for vip in addresses):
        yield Sysctl(f"net/ipv4/conf/{link}/rp_filter", "2")
    yield from (held(link, vip) for vip in addresses)
