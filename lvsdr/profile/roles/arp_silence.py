"""Making a real server silent on ARP: which values do it, and which settings have to change."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.objects import Sysctl
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.model.survey import Survey

# The kernel takes the larger of `all` and the link, but larger is not stricter: 3 answers for
# every VIP of scope global, 4 to 7 are reserved and answer for everything.
HARMLESS_IGNORE = frozenset({0, 1, 2, 8})
# Above 2 the kernel falls back to 0: any address of the host.
HARMLESS_ANNOUNCE = frozenset({0, 1, 2})


def silence(profile: RealServerProfile, survey: Survey) -> Iterator[Sysctl]:
    """Yield the settings that keep ARP quiet about every address not of the receiving link.

    Nothing that is stricter already is lowered; a link's own value changes only where it would
    spoil the effective one, or where the profile sets each link by itself (arp_scope "links").
    """
    # arp_ignore: answer only for addresses of the link that is asked, so never for a VIP on
    # lo, dummy or tunl0.
    yield from _effective("arp_ignore", profile.arp_ignore, HARMLESS_IGNORE, profile, survey)
    # arp_announce: ask in the routed link's own address, or a question sent for a client's answer
    # teaches the router that the VIP lives here.
    yield from _effective("arp_announce", profile.arp_announce, HARMLESS_ANNOUNCE, profile, survey)


def _effective(
    name: str, wanted: int, harmless: frozenset[int], profile: RealServerProfile, survey: Survey
) -> Iterator[Sysctl]:
    each = profile.arp_scope == "links"
    for scope in ("all", *_talking_links(profile, survey)):
        path = f"net/ipv4/conf/{scope}/{name}"
        own = int(survey.sysctls.get(path, "0"))
        at_least = wanted if each == (scope != "all") else 0
        settled = own if own in harmless and own >= at_least else wanted
        if settled != own or at_least:
            yield Sysctl(path, str(settled))


def one_answer(profile: DirectorProfile, survey: Survey) -> Iterator[Sysctl]:
    """Yield the settings with which a director answers for a VIP on one link of its segment only.

    Each link of a host answers for every address of it (ARP flux). What is silent already stays;
    links of other segments are left alone.
    """
    there = (name for name, link in survey.links.items() if link.speaks_arp)
    links = [name for name in there if survey.same_segment(name, profile.interface)]
    if len(links) < 2 or not any(vip.version == 4 for vip in profile.vips):
        return
    for link in sorted(links):
        # Each link for its own addresses: the VIPs are on the interface.
        yield from _at_least("arp_ignore", 1, HARMLESS_IGNORE, link, survey)
        # And asks in its own address, or a question turns the routers' entries to another link.
        yield from _at_least("arp_announce", 2, HARMLESS_ANNOUNCE, link, survey)


def _at_least(
    name: str, wanted: int, harmless: frozenset[int], link: str, survey: Survey
) -> Iterator[Sysctl]:
    path = f"net/ipv4/conf/{link}/{name}"
    own, every = (
        int(survey.sysctls.get(where, "0")) for where in (path, f"net/ipv4/conf/all/{name}")
    )
    if max(own, every) not in harmless or max(own, every) < wanted:
        yield Sysctl(path, str(wanted))


def _talking_links(profile: RealServerProfile, survey: Survey) -> list[str]:
    speaking = {name for name, link in survey.links.items() if link.speaks_arp}
    return sorted(speaking | {profile.interface})
