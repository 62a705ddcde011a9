"""What is wrong with the links themselves, before any address."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.arp_settings import effective, leaks
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.host import Host, HostLink
from lvsdr.model.objects import Sysctl
from lvsdr.model.profile import DirectorProfile, Profile, command
from lvsdr.profile.noarp_links import speaking_again
from lvsdr.rules.host.link_switches import quiet


def unreachable(profile: Profile, host: Host) -> Iterator[Finding]:
    """Yield the interface where nobody can find the host through it."""
    link = host.links.get(profile.interface)
    if link is not None and not link.arp:
        silent_for = () if isinstance(profile, DirectorProfile) else profile.vips
        hint, look = speaking_again(link.name, silent_for, host)
        yield Finding(
            "LINK-NOARP",
            ERROR,
            link.name,
            f"{link.name} has NOARP: nobody finds this host through it, neither by ARP nor by ND",
            hint,
            look=look,
        )


def flux(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield the other links of the same segment that answer for the director's VIPs as well."""
    if not any(vip.version == 4 for vip in profile.vips):
        return
    for link in host.links.values():
        if _answers_too(link, profile, host) and leaks(link.name, host):
            value = effective("arp_ignore", link.name, host)
            mended = profile.arp_flux == "mend"
            yield Finding(
                "ARP-FLUX",
                ERROR if mended else WARNING,
                link.name,
                f"{link.name} is on the segment of {profile.interface}, and effective arp_ignore is"
                f" {value}: it answers for the VIPs too, with another MAC",
                command(profile, "apply") if mended else quiet(link.name),
                about=frozenset(Sysctl(path, "").key for path in _settings(link.name, profile)),
            )


def _answers_too(link: HostLink, profile: DirectorProfile, host: Host) -> bool:
    """Return whether a link is asked for a VIP of another one, and would say another MAC."""
    if link.name == profile.interface or not link.speaks_arp:
        return False
    if host.share_mac(link.name, profile.interface):
        return False
    others = any(vip.version == 4 and link.name not in host.links_with(vip) for vip in profile.vips)
    return others and host.same_segment(link.name, profile.interface)


def _settings(link: str, profile: DirectorProfile) -> Iterator[str]:
    for name in (link, profile.interface):
        yield from (f"net/ipv4/conf/{name}/{each}" for each in ("arp_ignore", "arp_announce"))
