"""What a host that is both roles says of the VIPs that it holds as the director."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.core.both_roles import DirectorVip
from lvsdr.model.finding import WARNING, Finding


def as_director(vips: Iterable[DirectorVip]) -> Iterator[Finding]:
    """Yield what a real server says that is the director now: no fault, and yet it is not silent.

    Whether another one answers as well, only the segment can tell.
    """
    for each in vips:
        look, vip = "whether it is the only one: lvsdr director verify", each.ip.ip
        yield Finding("VIP-DIRECTOR", WARNING, each.link, str(each), vip=vip, look=look)
