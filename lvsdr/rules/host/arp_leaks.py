"""What makes a real server answer ARP for a VIP, or ask in its name: settings, and addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lvsdr.model.arp_settings import effective, leaks, meaning_of, path_of
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.host import Host, HostLink
from lvsdr.model.objects import Key, Sysctl
from lvsdr.model.profile import RealServerProfile, command
from lvsdr.profile.roles.arp_silence import left_alone
from lvsdr.profile.vip_moves import moved_to_holder


def speaks_for_vips(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield what makes this host answer ARP for a VIP, or ask in its name."""
    for link in host.links.values():
        if link.speaks_arp:
            for rule in BARE if left_alone(link.name, profile, host) else RULES:
                yield from rule(profile, host, link)


def _ignores(profile: RealServerProfile, host: Host, link: HostLink) -> Iterator[Finding]:
    if leaks(link.name, host) and _has_ipv4(profile):
        value = effective("arp_ignore", link.name, host)
        yield Finding(
            "ARP-IGNORE",
            ERROR,
            link.name,
            f"{link.name}: effective arp_ignore is {value}{_trap('arp_ignore', link, host)}: it"
            " answers for addresses of other links, the VIPs among them",
            command(profile, "apply"),
            about=_settings("arp_ignore", link),
        )


def _announces(profile: RealServerProfile, host: Host, link: HostLink) -> Iterator[Finding]:
    value = effective("arp_announce", link.name, host)
    if not meaning_of("arp_announce", value).silent and _has_ipv4(profile):
        yield Finding(
            "ARP-ANNOUNCE",
            ERROR,
            link.name,
            f"{link.name}: effective arp_announce is {value}{_trap('arp_announce', link, host)}:"
            " it may ask in a VIP's name, and turn the router's entry to this host",
            command(profile, "apply"),
            about=_settings("arp_announce", link),
        )


def _bare(profile: RealServerProfile, host: Host, link: HostLink) -> Iterator[Finding]:
    """Yield a link that the profile leaves alone, unless it is a container's, or carries VLANs."""
    carries = any(other.parent == link.name for other in host.links.values())
    if leaks(link.name, host) and link.link_kind in OUTWARD and not carries and _has_ipv4(profile):
        value = effective("arp_ignore", link.name, host)
        yield Finding(
            "ARP-IGNORE",
            WARNING,
            link.name,
            f"{link.name}: effective arp_ignore is {value}, and arp_scope links leaves it alone"
            " because it has no address: on the VIPs' segment it answers for them",
            f"sysctl -w {path_of('arp_ignore', link.name)}=1",
        )


def _holds(profile: RealServerProfile, host: Host, link: HostLink) -> Iterator[Finding]:
    for ip in host.addresses_of(link.name):
        if ip.ip in profile.vips:
            yield Finding(
                "VIP-ON-LINK",
                ERROR,
                link.name,
                f"{link.name} holds {ip.ip} itself, and answers for it whatever arp_ignore says",
                moved_to_holder(link.name, ip, profile, host),
                vip=ip.ip,
            )


def _trap(name: str, link: HostLink, host: Host) -> str:
    """Return why somebody may think that it was set: the larger counts, and not on every link."""
    pair = {scope: host.sysctls.get(path_of(name, scope), "0") for scope in ("all", link.name)}
    said = [f"the larger of all={pair['all']} and {link.name}={pair[link.name]}"]
    idle = [other.name for other in host.links.values() if not other.speaks_arp]
    useless = [
        scope for scope in ("default", *idle) if host.sysctls.get(path_of(name, scope), "0") != "0"
    ]
    if useless:
        said.append(f"set on {', '.join(useless)}, where it does nothing")
    return f" ({'; '.join(said)})" if useless or "0" not in pair.values() else ""


def _settings(name: str, link: HostLink) -> frozenset[Key]:
    return frozenset(Sysctl(path_of(name, scope), "").key for scope in ("all", link.name))


def _has_ipv4(profile: RealServerProfile) -> bool:
    return any(vip.version == 4 for vip in profile.vips)


RULES: tuple[Callable[[RealServerProfile, Host, HostLink], Iterator[Finding]], ...] = (
    _ignores,
    _announces,
    _holds,
)
BARE = (_bare, _holds)
# The kinds of links that lead to a network, not to a container: the first is hardware.
OUTWARD = frozenset({"", "bond", "team", "bridge"})
