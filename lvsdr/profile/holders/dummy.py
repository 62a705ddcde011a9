"""A dummy link as the holder: the VIPs stand apart from everything else, and go with the link."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.model.address import IPAddress
from lvsdr.model.objects import Link, Object
from lvsdr.profile.holders.held import held


def hold(link: str, vips: Iterable[IPAddress]) -> Iterator[Object]:
    """Yield the dummy link, up and without ARP, and the VIPs on it."""
    yield Link(link, "dummy", up=True, arp=False)
    yield from (held(link, vip) for vip in vips)
