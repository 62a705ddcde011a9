"""A VIP that was given up, and is still sent to where it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote

from lvsdr.model.address import IPAddress, host_network
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.host import Host
from lvsdr.model.route_lookup import REFUSED, RETURNED, ForwardingOutcome, UnicastRoute

Routes = Mapping[IPAddress, UnicastRoute]


def off_segment(routes: Routes, segment: str, host: Host) -> Routes:
    """Return those of `routes` that lead away from the segment: to a guest, through a tunnel.

    On the segment itself the question who has an address is for those who ask it.
    """
    return {
        vip: route
        for vip, route in routes.items()
        if route.link != segment and not host.links_with(vip) and route.network.prefixlen
    }


def given_up(
    routes: Routes, outcomes: Mapping[IPAddress, ForwardingOutcome], host: Host
) -> Iterator[Finding]:
    """Yield the VIPs whose packets come back, or are refused by one who does not have them."""
    for vip, route in routes.items():
        outcome = outcomes[vip]
        if outcome.kind in (RETURNED, REFUSED):
            yield Finding(
                "VIP-GIVEN-UP",
                ERROR,
                route.link,
                f"this host sends packets for {vip} through {route.link}, where nobody has it:"
                f" {_what_follows(outcome, host)}",
                "; ".join(_mend(vip, route, host)),
                vip=vip,
            )


def _what_follows(outcome: ForwardingOutcome, host: Host) -> str:
    if outcome.kind == RETURNED:
        return "they come back, and go to and fro until their TTL is used up"
    if outcome.by is None or host.links_with(outcome.by):
        return "no neighbour takes them"
    return f"{outcome.by} refuses them"


def _mend(vip: IPAddress, route: UnicastRoute, host: Host) -> Iterator[str]:
    """Yield the commands that make this host forget it, what draws packets here first."""
    ip = f"ip -{vip.version}"
    for entry in host.proxies:
        if entry.address == vip and entry.link:
            yield f"{ip} neighbour del proxy {vip} dev {quote(entry.link)}"
    if route.network != host_network(vip):
        # The route is for others as well.
        yield f"{ip} route add unreachable {vip}"
        return
    metric = f" metric {route.metric}" if route.metric else ""
    yield f"{ip} route del {vip} dev {quote(route.link)}{metric}"
    if route.gateway is None and host.speaks_arp(route.link):
        yield f"{ip} neighbour del {vip} dev {quote(route.link)}"
