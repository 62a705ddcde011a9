"""The rules over the state of one host, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from lvsdr.model.finding import Finding
from lvsdr.model.host import Host
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile
from lvsdr.rules.host import (
    arp_flux,
    arp_leaks,
    bridge_filters,
    first_address,
    forwarding_loops,
    holder_reach,
    ipvs_table,
    network_managers,
    other_programs,
    proxy_arp,
    reverse_path_filter,
    self_requests,
    table_of_keepalived,
    vip_addresses,
    ways_back,
)

P = TypeVar("P", bound=Profile)


@dataclass(frozen=True, slots=True)
class Rule(Generic[P]):
    """A function over a profile and a host; `ids` are those of the findings that it may yield."""

    ids: tuple[str, ...]
    check: Callable[[P, Host], Iterator[Finding]]


REALSERVER: tuple[Rule[RealServerProfile], ...] = (
    Rule(("LINK-NOARP",), arp_flux.unreachable),
    Rule(("ARP-IGNORE", "ARP-ANNOUNCE", "VIP-ON-LINK"), arp_leaks.speaks_for_vips),
    Rule(("VIP-PREFIX",), vip_addresses.wide),
    Rule(("VIP-ELSEWHERE",), vip_addresses.elsewhere),
    Rule(("VIP-SOURCE",), vip_addresses.sources),
    Rule(("VIP-DAD",), vip_addresses.unusable),
    Rule(("VIP-LOOPS",), forwarding_loops.loops),
    Rule(("PROXY-ARP",), proxy_arp.answering),
    Rule(("PROXY-PVLAN",), proxy_arp.private_vlan),
    Rule(("PROXY-ENTRY", "PROXY-NDP"), proxy_arp.vip_entries),
    Rule(("PROXY-FLUX",), proxy_arp.doubled_rips),
    Rule(("VRF-HOLDER",), holder_reach.outside_of_vrf),
    Rule(("IPVLAN",), holder_reach.behind_ipvlan),
    Rule(("RP-FILTER",), reverse_path_filter.reverse_path),
    Rule(("NO-WAY-BACK", "WAY-BACK-ELSEWHERE"), ways_back.ways_back),
    Rule(("BRIDGE-DELAY",), bridge_filters.closed_ports),
    Rule(("OWNER-NETWORK",), network_managers.of_realserver),
    Rule(("SELF-CLIENT",), self_requests.of_itself),
)

DIRECTOR: tuple[Rule[DirectorProfile], ...] = (
    Rule(("LINK-NOARP",), arp_flux.unreachable),
    Rule(("DIP-MISSING",), vip_addresses.dip),
    Rule(("VIP-PREFIX",), vip_addresses.wide),
    Rule(("VIP-ELSEWHERE",), vip_addresses.elsewhere),
    Rule(("VIP-SOURCE",), vip_addresses.sources),
    Rule(("VIP-SOURCE",), first_address.first_of_link),
    Rule(("VIP-DAD",), vip_addresses.unusable),
    Rule(("ARP-FLUX",), arp_flux.flux),
    Rule(("PORT-DIFFERS",), ipvs_table.differing_ports),
    Rule(("TABLE-FULL",), ipvs_table.full),
    Rule(("SELF-CLIENT",), self_requests.of_itself),
    Rule(("BACKUP-ONLY", "BACKUP-BYPASS", "SYNC-ROLE"), ipvs_table.sync_roles),
    Rule(("OWNER-KUBERNETES",), other_programs.kubernetes),
    Rule(("OWNER-KEEPALIVED", "OWNER-FLUSH"), other_programs.keepalived),
    Rule(("TABLE-DIFFERS", "TABLE-OUT"), table_of_keepalived.differences),
    Rule(("OWNER-NETWORK",), network_managers.of_director),
    Rule(("BRIDGE-DELAY",), bridge_filters.closed_ports),
)

# What holds for a director that stands by as well: it holds no VIP, and says nothing of where one
# is held, and plan_standby() knows what its table and its sync daemon should be.
ON_STANDBY = frozenset(
    {
        "LINK-NOARP",
        "DIP-MISSING",
        "ARP-FLUX",
        "PORT-DIFFERS",
        "TABLE-FULL",
        "OWNER-KUBERNETES",
        "OWNER-KEEPALIVED",
        "OWNER-NETWORK",
        "TABLE-DIFFERS",
        "TABLE-OUT",
        "BRIDGE-DELAY",
    }
)


def standby_findings(profile: DirectorProfile, host: Host) -> tuple[Finding, ...]:
    """Return what the rules find on a director that stands by while another one is active."""
    rules = (rule for rule in DIRECTOR if ON_STANDBY.intersection(rule.ids))
    return tuple(found for rule in rules for found in rule.check(profile, host))


def findings(profile: Profile, host: Host) -> tuple[Finding, ...]:
    """Return what the rules of the profile's role find; the routes of its packets are known."""
    if isinstance(profile, DirectorProfile):
        return tuple(found for rule in DIRECTOR for found in rule.check(profile, host))
    return tuple(found for rule in REALSERVER for found in rule.check(profile, host))
