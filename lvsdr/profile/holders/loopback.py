"""lo as the holder: always there, carries any number of VIPs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.model.address import IPAddress
from lvsdr.model.objects import Link, Object
from lvsdr.profile.holders.held import held


def hold(link: str, vips: Iterable[IPAddress]) -> Iterator[Object]:
    """Yield lo, up, and the VIPs on it."""
    # Nothing reaches a VIP on lo while lo is down, and IPVS refuses destinations.
    yield Link(link, "loopback", up=True, arp=True)
    yield from (held(link, vip) for vip in vips)
