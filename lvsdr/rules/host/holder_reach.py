"""Whether what arrives on the interface reaches the holder at all: VRFs, and shared MACs."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.holder_kinds import HOLDING_ENDS
from lvsdr.model.host import Host
from lvsdr.model.profile import RealServerProfile, command
from lvsdr.rules.host.route_questions import client_packet, held_outside_of_vrf

_ELSEWHERE = ("unicast", "unreachable", "prohibit")


def outside_of_vrf(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield the holder where it is not in the VRF of the interface, and is not found from there.

    Whether the tables of the VRF or the table local are asked first, a rule says.
    """
    for vip in held_outside_of_vrf(profile, host):
        route = host.routes[client_packet(vip, profile, host)]
        if route.kind in _ELSEWHERE:
            interface, holder = profile.interface, profile.holder_link
            vrf = host.links[interface].vrf
            dummy, apply = host.links[holder].link_kind == "dummy", command(profile, "apply")
            yield Finding(
                "VRF-HOLDER",
                ERROR,
                holder,
                f"{interface} is in VRF {vrf}, {holder} is not: what arrives on {interface} for"
                f" {vip} does not find it, for this host asks the VRF's table before the local one",
                # Going into a VRF takes a link down for a moment, and IPv6 addresses from it.
                f"ip link set {quote(holder)} master {quote(str(vrf))} && {apply}" if dummy else "",
                vip=vip,
                look=""
                if dummy
                else f'write "holder": "dummy" in the profile: a dummy can be put into VRF {vrf}',
            )
            return


def behind_ipvlan(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield the interface where it shares its parent's MAC, which tells hosts by IP addresses."""
    link = host.links.get(profile.interface)
    # What comes through a tunnel is for the RIP.
    tunnel = profile.holder_link in HOLDING_ENDS
    if link is not None and link.link_kind == "ipvlan" and not tunnel:
        parent = "its parent" if link.parent is None else link.parent
        yield Finding(
            "IPVLAN",
            ERROR,
            link.name,
            f"{link.name} is an ipvlan: it has {parent}'s MAC and gets only what is for an address"
            f" of its own; packets for the VIPs, which {profile.holder_link} holds, go to the host"
            " of the parent",
            look="direct routing needs a link with a MAC of its own: a macvlan or a veth in a"
            ' bridge; or tunnel forwarding, with "holder": "tunl0"',
        )
