"""The rules over the state of one host, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from lvsdr.model.finding import Finding
from lvsdr.model.inspection import Inspection
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile
from lvsdr.rules import (
    addresses,
    arp,
    bridges,
    clients,
    links,
    loops,
    owners,
    proxies,
    tables,
    tunnel,
)

P = TypeVar("P", bound=Profile)


@dataclass(frozen=True, slots=True)
class Rule(Generic[P]):
    """A function over a profile and a host; `ids` are those of the findings that it may yield."""

    ids: tuple[str, ...]
    check: Callable[[P, Inspection], Iterator[Finding]]


def _silence(profile: RealServerProfile, host: Inspection) -> Iterator[Finding]:
    return arp.silence(profile, host.survey)


REALSERVER: tuple[Rule[RealServerProfile], ...] = (
    Rule(("LINK-NOARP",), links.unreachable),
    Rule(("ARP-IGNORE", "ARP-ANNOUNCE", "VIP-ON-LINK"), _silence),
    Rule(("VIP-PREFIX",), addresses.wide),
    Rule(("VIP-ELSEWHERE",), addresses.elsewhere),
    Rule(("VIP-SOURCE",), addresses.sources),
    Rule(("VIP-DAD",), addresses.unusable),
    Rule(("VIP-LOOPS",), loops.loops),
    Rule(("PROXY-ARP",), proxies.active),
    Rule(("PROXY-PVLAN",), proxies.private_vlan),
    Rule(("PROXY-ENTRY", "PROXY-NDP"), proxies.entries),
    Rule(("PROXY-FLUX",), proxies.doubled),
    Rule(("RP-FILTER",), tunnel.reverse_path),
    Rule(("BRIDGE-DELAY",), bridges.own),
    Rule(("SELF-CLIENT",), clients.of_itself),
)

DIRECTOR: tuple[Rule[DirectorProfile], ...] = (
    Rule(("LINK-NOARP",), links.unreachable),
    Rule(("DIP-MISSING",), addresses.dip),
    Rule(("VIP-PREFIX",), addresses.wide),
    Rule(("VIP-ELSEWHERE",), addresses.elsewhere),
    Rule(("VIP-SOURCE",), addresses.sources),
    Rule(("VIP-DAD",), addresses.unusable),
    Rule(("ARP-FLUX",), links.flux),
    Rule(("PORT-DIFFERS",), tables.ports),
    Rule(("SELF-CLIENT",), clients.of_itself),
    Rule(("BACKUP-ONLY", "BACKUP-BYPASS", "SYNC-ROLE"), tables.daemons),
    Rule(("OWNER-KUBERNETES",), owners.kubernetes),
    Rule(("OWNER-KEEPALIVED", "OWNER-FLUSH"), owners.keepalived),
    Rule(("OWNER-NETWORK",), owners.network),
    Rule(("BRIDGE-DELAY",), bridges.own),
)


def findings(profile: Profile, host: Inspection) -> tuple[Finding, ...]:
    """Return what the rules of the profile's role find; the ways of its packets are known."""
    if isinstance(profile, DirectorProfile):
        return tuple(found for rule in DIRECTOR for found in rule.check(profile, host))
    return tuple(found for rule in REALSERVER for found in rule.check(profile, host))
