"""What arrives at a real server and is dropped on the way in, through a tunnel above all."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.arp_settings import effective
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.host import Host
from lvsdr.model.objects import Sysctl
from lvsdr.model.profile import RealServerProfile
from lvsdr.model.route_lookup import Packet
from lvsdr.rules.host.link_switches import loosened
from lvsdr.rules.host.route_questions import (
    FAR,
    arrival_links,
    link_to_far_clients,
    one_held_vip,
    sample_clients,
)


def reverse_path(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield the links on which the reverse-path filter drops clients that could be answered."""
    for vip in one_held_vip(profile, host):
        for link in arrival_links(profile, host):
            for client in sample_clients(profile, host):
                reachable = client not in FAR.values() or link_to_far_clients(4, host) is not None
                route = host.routes[Packet(vip, client, link)]
                if reachable and route.kind == "refused":
                    yield _dropped(link, profile, host)
                    break


def _dropped(link: str, profile: RealServerProfile, host: Host) -> Finding:
    value = effective("rp_filter", link, host)
    leaves = link_to_far_clients(4, host) or profile.interface
    bare = not any(ip.version == 4 for ip in host.addresses_of(link))
    return Finding(
        "RP-FILTER",
        ERROR,
        link,
        f"{link}: effective rp_filter is {value}"
        + (", and the link has no address" if bare else "")
        + f": it drops what clients send, because answers leave through {leaves}",
        loosened(link, host),
        about=frozenset({Sysctl(f"net/ipv4/conf/{link}/rp_filter", "").key}),
    )
