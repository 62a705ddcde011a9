"""What is wrong with the links themselves, before any address."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.inspection import Inspection
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.rules.arp import effective, leaks

QUIET = "sysctl -w net/ipv4/conf/all/arp_ignore=1; sysctl -w net/ipv4/conf/all/arp_announce=2"


def unreachable(profile: Profile, host: Inspection) -> Iterator[Finding]:
    """Yield the interface where nobody can find the host through it."""
    link = host.survey.links.get(profile.interface)
    if link is not None and not link.arp:
        yield Finding(
            "LINK-NOARP",
            ERROR,
            link.name,
            f"{link.name} has NOARP: nobody finds this host through it, neither by ARP nor by ND",
            f"ip link set {link.name} arp on",
        )


def flux(profile: DirectorProfile, host: Inspection) -> Iterator[Finding]:
    """Yield the other links of the same segment that answer for the director's VIPs as well."""
    if not any(vip.version == 4 for vip in profile.vips):
        return
    for link in host.survey.links.values():
        beside = link.name != profile.interface and _same_segment(
            link.name, profile.interface, host
        )
        if beside and link.speaks_arp and leaks(link.name, host.survey):
            value = effective("arp_ignore", link.name, host.survey)
            yield Finding(
                "ARP-FLUX",
                WARNING,
                link.name,
                f"{link.name} is on the segment of {profile.interface}, and effective arp_ignore is"
                f" {value}: it answers for the VIPs too, with another MAC",
                QUIET,
            )


def _same_segment(one: str, other: str, host: Inspection) -> bool:
    """Return whether two links share a subnet, or lie on one another or on the same parent."""
    if _foundation(one, host) == _foundation(other, host):
        return True
    nets = [
        [ip.network for ip in host.survey.addresses_of(link) if ip.network.num_addresses > 1]
        for link in (one, other)
    ]
    return any(
        left.version == 4 and right.version == 4 and left.overlaps(right)
        for left in nets[0]
        for right in nets[1]
    )


def _foundation(link: str, host: Inspection) -> str:
    """Return the link on which a macvlan or macvtap lies; a VLAN is a segment of its own."""
    kind = host.survey.links[link].link_kind if link in host.survey.links else ""
    return host.parents.get(link, link) if kind in ("macvlan", "macvtap") else link
