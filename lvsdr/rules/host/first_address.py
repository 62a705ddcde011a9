"""Whether a VIP is the first address of its link: what the host sends where no route says more."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.address import host_interface
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.host import Host
from lvsdr.model.objects import Address
from lvsdr.model.profile import DirectorProfile, command


def first_of_link(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield the VIPs that stand before the first address of the interface's own.

    A manager that takes its address away and brings it back puts it behind those that it keeps.
    """
    link, vips = profile.interface, set(profile.vips)
    # Those of scope host or link are the source of nothing that leaves the link.
    speaking = [
        each.ip
        for each in host.addresses
        if each.link == link and each.ip.version == 4 and each.scope == "global"
    ]
    own = next((ip.ip for ip in speaking if ip.ip not in vips), None)
    if own is None:
        return
    for ip in speaking:
        if ip.ip not in vips:
            return
        ours = profile.vips_owner == "lvsdr"
        yield Finding(
            "VIP-SOURCE",
            ERROR,
            link,
            f"{ip.ip} comes before {own} on {link}: multicast, as of a sync daemon, leaves in the"
            " name of the VIP",
            command(profile, "apply") if ours else "",
            vip=ip.ip,
            look="" if ours else f"keepalived puts it behind {own} when it is master again",
            about=frozenset({Address(link, host_interface(ip.ip)).key}),
        )
