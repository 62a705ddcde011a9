"""Making a real server silent on ARP: which settings have to change for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.model.arp_settings import effective, leaks, path_of, spoils
from lvsdr.model.host import Host
from lvsdr.model.objects import Sysctl
from lvsdr.model.profile import DirectorProfile, RealServerProfile


def silence(profile: RealServerProfile, host: Host) -> Iterator[Sysctl]:
    """Yield the settings that keep ARP quiet about every address not of the receiving link.

    Nothing that is stricter already is lowered; a link's own value changes only where it would
    spoil the effective one, or where the profile sets each link by itself (arp_scope "links").
    """
    # arp_ignore: answer only for addresses of the link that is asked, so never for a VIP on
    # lo, dummy or tunl0.
    yield from _settled("arp_ignore", profile.arp_ignore, profile, host)
    # arp_announce: ask in the routed link's own address, or a question sent for a client's answer
    # teaches the router that the VIP lives here.
    yield from _settled("arp_announce", profile.arp_announce, profile, host)


def _settled(name: str, wanted: int, profile: RealServerProfile, host: Host) -> Iterator[Sysctl]:
    each = profile.arp_scope == "links"
    links = (link for link in _talking_links(profile, host) if not left_alone(link, profile, host))
    for scope in ("all", *links):
        path = path_of(name, scope)
        own = host.number(path)
        at_least = wanted if each == (scope != "all") else 0
        settled = own if not spoils(name, own) and own >= at_least else wanted
        if settled != own or at_least:
            yield Sysctl(path, str(settled))


def left_alone(link: str, profile: RealServerProfile, host: Host) -> bool:
    """Return whether the profile leaves a link alone: arp_scope "links", and it has no address.

    What is answered there is for containers, which find their way by it. The wire of the interface
    is none of theirs.
    """
    if profile.arp_scope != "links":
        return False
    addressed = any(ip.version == 4 for ip in host.addresses_of(link))
    return not addressed and link not in (profile.interface, *host.on_one_wire(profile.interface))


def one_answer(profile: DirectorProfile, host: Host) -> Iterator[Sysctl]:
    """Yield the settings with which a director answers for a VIP on one link of its segment only.

    Each link of a host answers for every address of it (ARP flux). What is silent already stays;
    links of other segments are left alone.
    """
    there = (name for name, link in host.links.items() if link.speaks_arp)
    interface = profile.interface
    links = [
        name
        for name in there
        if name == interface
        or (host.same_segment(name, interface) and not host.share_mac(name, interface))
    ]
    if len(links) < 2 or not any(vip.version == 4 for vip in profile.vips):
        return
    if profile.vips_owner == "keepalived" and _by_keepalived(links, interface, host):
        return
    for link in sorted(links):
        # Each link for its own addresses: the VIPs are on the interface.
        yield from _at_least("arp_ignore", 1, link, host)
        # And asks in its own address, or a question turns the routers' entries to another link.
        yield from _at_least("arp_announce", 2, link, host)


def _by_keepalived(links: Iterable[str], interface: str, host: Host) -> bool:
    """Return whether the other links lie on the interface, and none answers for another's address.

    So it is with use_vmac: keepalived makes the macvlan, and sets arp_ignore on it and below it.
    """
    own = host.on_one_wire(interface)
    return all(link in own and not leaks(link, host) for link in links)


def _at_least(name: str, wanted: int, link: str, host: Host) -> Iterator[Sysctl]:
    value = effective(name, link, host)
    if spoils(name, value) or value < wanted:
        yield Sysctl(path_of(name, link), str(wanted))


def _talking_links(profile: RealServerProfile, host: Host) -> list[str]:
    speaking = {name for name, link in host.links.items() if link.speaks_arp}
    return sorted(speaking | {profile.interface})
