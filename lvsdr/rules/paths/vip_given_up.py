"""A VIP that was given up, and is still led to where it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lvsdr.model.address import IPAddress, host_network
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.route_lookup import REFUSED, RETURNED, ForwardingOutcome, UnicastRoute
from lvsdr.model.survey import Survey

Ways = Mapping[IPAddress, UnicastRoute]


def led(ways: Ways, segment: str, survey: Survey) -> Ways:
    """Return those of `ways` that lead away from the segment: to a guest, through a tunnel.

    On the segment itself the question who has an address is for those who ask it.
    """
    return {
        vip: way
        for vip, way in ways.items()
        if way.link != segment and not survey.links_with(vip) and way.network.prefixlen
    }


def given_up(
    ways: Ways, fates: Mapping[IPAddress, ForwardingOutcome], survey: Survey
) -> Iterator[Finding]:
    """Yield the VIPs whose packets come back, or are refused by one who does not have them."""
    for vip, way in ways.items():
        fate = fates[vip]
        if fate.kind in (RETURNED, REFUSED):
            yield Finding(
                "VIP-GIVEN-UP",
                ERROR,
                way.link,
                f"this host sends packets for {vip} through {way.link}, where nobody has it:"
                f" {_what_follows(fate, survey)}",
                "; ".join(_mend(vip, way, survey)),
                vip=vip,
            )


def _what_follows(fate: ForwardingOutcome, survey: Survey) -> str:
    if fate.kind == RETURNED:
        return "they come back, and go to and fro until their TTL is used up"
    if fate.by is None or survey.links_with(fate.by):
        return "no neighbour takes them"
    return f"{fate.by} refuses them"


def _mend(vip: IPAddress, way: UnicastRoute, survey: Survey) -> Iterator[str]:
    """Yield the commands that make this host forget it, what draws packets here first."""
    ip = f"ip -{vip.version}"
    for entry in survey.proxies:
        if entry.address == vip and entry.link:
            yield f"{ip} neighbour del proxy {vip} dev {entry.link}"
    if way.network != host_network(vip):
        # The route is for others as well.
        yield f"{ip} route add unreachable {vip}"
        return
    metric = f" metric {way.metric}" if way.metric else ""
    yield f"{ip} route del {vip} dev {way.link}{metric}"
    if way.gateway is None and survey.links[way.link].speaks_arp:
        yield f"{ip} neighbour del {vip} dev {way.link}"
