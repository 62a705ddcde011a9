"""Packets that would go round between a real server and the director."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.address import host_interface, host_network
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.host import Host
from lvsdr.model.objects import GUARD_METRIC, Address, Route
from lvsdr.model.profile import RealServerProfile, command
from lvsdr.rules.host.route_questions import client_packet, lost_vips


def loops(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield the lost VIPs whose packets the host would send on, back where they came from."""
    if profile.interface not in host.links:
        return
    for vip in lost_vips(profile, host):
        route = host.routes[client_packet(vip, profile, host)]
        # Of IPv6 the kernel looks up the route also where it would not take it.
        if route.kind == "unicast" and host.forwards(vip.version, profile.interface):
            missing = Address(profile.holder_link, host_interface(vip))
            guard = Route(host_network(vip), GUARD_METRIC)
            yield Finding(
                "VIP-LOOPS",
                ERROR,
                profile.holder_link,
                f"{vip} is missing and this host forwards: it sends packets for the VIP on through"
                f" {route.link}, back where they came from, until their TTL is used up",
                command(profile, "apply"),
                vip=vip,
                about=frozenset({missing.key, guard.key}),
            )
