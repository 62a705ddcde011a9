"""VIPs that are gateways: who takes such an address takes the segment's router from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, Finding

# The ids of the findings that may be yielded.
IDS = ("VIP-GATEWAY",)


def vip_gateways(
    vips: Iterable[IPAddress], link: str, gateways: Collection[IPAddress]
) -> Iterator[Finding]:
    """Yield the VIPs on `link` that are among the `gateways` of this host's routes."""
    for vip in vips:
        if vip in gateways:
            yield Finding(
                "VIP-GATEWAY",
                ERROR,
                link,
                f"{vip} is the gateway of a route of this host, and the segment would lose it:"
                " a VIP is an address that no other host has",
                look=f"another VIP in the profile, or another gateway: {routes_by(vip)}",
                vip=vip,
            )


def routes_by(vip: IPAddress) -> str:
    """Return the command that shows the routes of which `vip` is the gateway."""
    return f"ip {'' if vip.version == 4 else '-6 '}route show via {vip}"
