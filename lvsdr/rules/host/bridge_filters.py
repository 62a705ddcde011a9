"""Bridges that hold back the frames of a VIP, or ask a firewall about them."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.host import Host
from lvsdr.model.profile import Profile

# Two of them follow one another, each as long as the forward delay.
CLOSED = ("listening", "learning")
FILTERS = {4: ("iptables", "arptables"), 6: ("ip6tables",)}


def closed_ports(profile: Profile, host: Host) -> Iterator[Finding]:
    """Yield the closed ports of the bridge that the profile's interface is, or lies on."""
    link, links = profile.interface, host.links
    while link not in host.bridges and link in links and (below := links[link].parent) is not None:
        link = below
    yield from closed_ports_of(link, host)


def closed_ports_of(bridge: str, host: Host) -> Iterator[Finding]:
    """Yield the ports of a bridge that let nothing pass yet."""
    seen = host.bridges.get(bridge)
    for port, state in host.ports.items():
        link = host.links.get(port)
        if seen is not None and link is not None and link.master == bridge and state in CLOSED:
            yield Finding(
                "BRIDGE-DELAY",
                WARNING,
                port,
                f"{port} is {state} in {bridge}: spanning tree lets no frame pass for up to"
                f" {2 * seen.delay:g} s after a port comes up, announcements of a VIP included",
                look="wait, then announce the VIPs again; a bridge that can be in no loop needs no"
                f" spanning tree: ip link set {bridge} type bridge stp_state 0",
            )


def firewalled(bridge: str, host: Host, profile: Profile) -> Iterator[Finding]:
    """Yield that frames between the ports of a bridge are shown to the host's firewall."""
    if bridge not in host.bridges:
        return
    for version in sorted({vip.version for vip in profile.vips}):
        for name in FILTERS[version]:
            every = f"net/bridge/bridge-nf-call-{name}"
            alone = name in host.bridges[bridge].filters
            if alone or host.number(every):
                switch = f"{every}=0" if host.number(every) else f"nf_call_{name} 0 of {bridge}"
                yield Finding(
                    "BRIDGE-FILTER",
                    WARNING,
                    bridge,
                    f"{bridge} shows the frames between its ports to {name} of this host: a rule of"
                    " FORWARD may drop what is for the container, or what it answers",
                    # Other containers may live by it, or be kept apart by it.
                    look=f"the rules: {name} -S FORWARD; {switch} lets the bridge's frames pass,"
                    " those of every other container too",
                )
