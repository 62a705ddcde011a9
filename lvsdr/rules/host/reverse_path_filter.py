"""What arrives at a real server and is dropped on the way in, through a tunnel above all."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.arp_settings import effective
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.holder_kinds import HOLDING_ENDS
from lvsdr.model.host import Host
from lvsdr.model.objects import Sysctl
from lvsdr.model.profile import RealServerProfile
from lvsdr.model.route_lookup import RouteTo
from lvsdr.rules.host.client_samples import Sample
from lvsdr.rules.host.filtered_packets import filtered, is_bare
from lvsdr.rules.host.link_switches import loosened
from lvsdr.rules.host.route_questions import to_neighbours
from lvsdr.rules.host.ways_back import answers

# Who is behind one of these asks this host itself, and no director; so does who is at the end of a
# cable on which this host has no address, as a container is.
_CABLES = frozenset({"veth", "netkit"})
_INNER = frozenset({"vxlan", "geneve", "wireguard", "tun"}) | {
    end.link_kind for end in HOLDING_ENDS.values()
}


def reverse_path(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield the links on which the reverse-path filter drops clients that could be answered."""
    ways = (
        *((each.sample, host.routes[each.packet]) for each in answers(profile, host)),
        *((None, host.routes[packet]) for packet in to_neighbours(profile, host)),
    )
    for link in arrival_links(profile, host):
        dropped = [
            (sample, back)
            for sample, back in ways
            # Who could not be answered anyway is not missed.
            if back.kind == "unicast" and _asks(sample, back, host) and filtered(link, back, host)
        ]
        if dropped:
            held = link in (profile.interface, profile.holder_link)
            yield _dropped(link, dropped, host, held=held)


def arrival_links(profile: RealServerProfile, host: Host) -> tuple[str, ...]:
    """Return the links on which a client's packets arrive, as far as they are up."""
    # A tunnel's link is one on which packets come in, the other holders are none. One that is up
    # without an address is there for nothing else, with the VIP on lo or a dummy.
    ends = {profile.holder_link} & HOLDING_ENDS.keys() or {
        name for name in HOLDING_ENDS if is_bare(name, host)
    }
    names = (profile.interface, *sorted(ends))
    return tuple(name for name in names if name in host.links and host.links[name].up)


def _asks(sample: Sample | None, back: RouteTo, host: Host) -> bool:
    """Return whether clients may be there at all, where the profile does not say so."""
    if sample is None or sample.told:
        return sample is None or sample.network.version == 4
    link = host.links.get(back.link or "")
    if sample.network.version != 4 or link is None:
        return False
    container = link.link_kind in _CABLES and is_bare(link.name, host)
    return not container and link.link_kind not in _INNER


def _dropped(
    link: str, dropped: list[tuple[Sample | None, RouteTo]], host: Host, *, held: bool
) -> Finding:
    value = effective("rp_filter", link, host)
    leaves = ", ".join(dict.fromkeys(str(back.link) for _, back in dropped))
    told = [sample for sample, _ in dropped if sample is not None]
    whole = len(told) < len(dropped) or any(each.clients == "clients" for each in told)
    clients = "clients" if whole else ", ".join(dict.fromkeys(each.clients for each in told))
    bare = is_bare(link, host)
    return Finding(
        "RP-FILTER",
        ERROR,
        link,
        f"{link}: effective rp_filter is {value}"
        + (", and the link has no address" if bare else "")
        + f": it drops what {clients} send, because answers leave through {leaves}",
        loosened(link, host),
        look="" if not bare or held else f'or write "holder": "{link}" in the profile',
        about=frozenset({Sysctl(f"net/ipv4/conf/{link}/rp_filter", "").key}),
    )
