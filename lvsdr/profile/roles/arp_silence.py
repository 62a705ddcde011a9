"""Making a real server silent on ARP: which settings have to change for it."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.arp_settings import effective, path_of, spoils
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
    for scope in ("all", *_talking_links(profile, host)):
        path = path_of(name, scope)
        own = host.number(path)
        at_least = wanted if each == (scope != "all") else 0
        settled = own if not spoils(name, own) and own >= at_least else wanted
        if settled != own or at_least:
            yield Sysctl(path, str(settled))


def one_answer(profile: DirectorProfile, host: Host) -> Iterator[Sysctl]:
    """Yield the settings with which a director answers for a VIP on one link of its segment only.

    Each link of a host answers for every address of it (ARP flux). What is silent already stays;
    links of other segments are left alone.
    """
    there = (name for name, link in host.links.items() if link.speaks_arp)
    links = [name for name in there if host.same_segment(name, profile.interface)]
    if len(links) < 2 or not any(vip.version == 4 for vip in profile.vips):
        return
    for link in sorted(links):
        # Each link for its own addresses: the VIPs are on the interface.
        yield from _at_least("arp_ignore", 1, link, host)
        # And asks in its own address, or a question turns the routers' entries to another link.
        yield from _at_least("arp_announce", 2, link, host)


def _at_least(name: str, wanted: int, link: str, host: Host) -> Iterator[Sysctl]:
    value = effective(name, link, host)
    if spoils(name, value) or value < wanted:
        yield Sysctl(path_of(name, link), str(wanted))


def _talking_links(profile: RealServerProfile, host: Host) -> list[str]:
    speaking = {name for name, link in host.links.items() if link.speaks_arp}
    return sorted(speaking | {profile.interface})
