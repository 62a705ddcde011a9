"""The segment of a profile as this host sees it: whom to ask there, and whose each MAC is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.host import Host
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.neighbour_claim import Answer
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.model.route_lookup import Packet
from lvsdr.rules.host import own_answers
from lvsdr.rules.segment.mac_owners import MacOwners


@dataclass(frozen=True, slots=True)
class Question:
    """Who has `addresses`? To be asked on `link`, in the name of the sources as well as in none.

    Those `apart` are listened to on their own: a flood of claims on them hides nobody else's.
    """

    link: str
    addresses: tuple[IPAddress, ...]
    source4: IPv4Address | None
    source6: IPv6Address | None
    apart: tuple[IPAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """The segment behind `link` of this host, and the addresses of a profile that belong there."""

    link: str
    vips: tuple[IPAddress, ...]
    rips: tuple[IPAddress, ...]
    dips: tuple[IPAddress, ...]
    host: Host

    @property
    def question(self) -> Question:
        """What to ask to know all of them."""
        addresses = tuple(dict.fromkeys((*self.vips, *self.rips, *self.dips)))
        sources = self.host.askers(self.link, self.vips)
        return Question(self.link, addresses, *sources, apart=self.vips)

    @property
    def macs(self) -> frozenset[str]:
        """The MACs of this host: its links on one segment may all answer (ARP flux)."""
        links = self.host.links.values()
        return frozenset(link.mac for link in links if link.mac and not link.loopback)

    @property
    def held(self) -> frozenset[IPAddress]:
        """The VIPs that this host holds as a director does, on the link or a macvlan on top."""
        held = (vip for vip in self.vips if self.host.holder_on_wire(vip, self.link))
        return frozenset(held)

    def mac_owners(self, heard: frozenset[Answer]) -> MacOwners:
        """Return whose MACs are known once they were asked for their addresses."""
        of_dips = owning_macs(heard, self.dips)
        of_rips = {m: rip for m, rip in owning_macs(heard, self.rips).items() if m not in of_dips}
        # This host is a real server. One that holds a VIP on the link is a director, even where
        # it serves as well.
        own_rip = next(
            (ip for each in self.host.addresses if (ip := each.ip.ip) in self.rips), None
        )
        if own_rip is not None and not self.held:
            of_rips |= dict.fromkeys(self.macs, own_rip)
        return MacOwners(of_rips, self.macs, of_dips)

    def owned(self, heard: frozenset[Answer]) -> dict[IPAddress, frozenset[str]]:
        """Return the MACs that answer for each RIP as its owner does."""
        return {rip: frozenset(owning_macs(heard, (rip,))) for rip in self.rips}

    def own_answers(self) -> frozenset[Answer]:
        """Return what this host itself answers for the VIPs, as its settings say: it hears none."""
        return frozenset(
            Answer(vip, self.host.links[name].mac, "self")
            for vip in self.vips
            for name in own_answers.answering_links(vip, self.link, self.host)
        )


def segment_of(
    profile: Profile, host: Host, link: str | None, dips: tuple[IPAddress, ...] = ()
) -> Segment:
    """Return the segment of `profile` behind `link`; raise CannotRun where there is no such link.

    Without `link`, it is the one whose subnet holds a VIP or a RIP. What answers for one of `dips`
    is known for a director.
    """
    rips = profile.rips if isinstance(profile, DirectorProfile) else ()
    where = link or _link_towards((*profile.vips, *rips), profile.interface, host)
    if where not in host.links:
        raise CannotRun(
            f"cannot ask on link {where}: no such link", hints=["give --interface LINK"]
        )
    return Segment(where, profile.vips, rips, dips, host)


def packets(profile: Profile, host: Host, link: str | None) -> Iterator[Packet]:
    """Yield the packets that the segment's own answers have looked up."""
    with suppress(CannotRun):
        segment = segment_of(profile, host, link)
        yield from own_answers.packets(segment.vips, segment.link, host)


def owning_macs(heard: Iterable[Answer], addresses: Iterable[IPAddress]) -> dict[str, IPAddress]:
    """Return whose each MAC is that answers for one of `addresses` as its owner does.

    Several MACs may be one host's: a bond, or two links on the segment. What is only a proxy for
    an address, or only overheard, is not taken for its owner. What one says of another's MAC counts
    only where neither that address nor that MAC speaks for itself, as of some bonds.
    """
    wanted = dict.fromkeys(addresses)
    every = tuple(heard)
    macs = {item.mac for item in every if not item.sender}
    known = {item.address for item in every if not item.sender}
    told: dict[IPAddress, dict[str, set[str]]] = {}
    for item in every:
        if item.sender and (item.mac in macs or item.address in known):
            continue
        if item.address in wanted:
            told.setdefault(item.address, {}).setdefault(item.mac, set()).add(item.form)
    owning = {address: _owning(address, spoken.values()) for address, spoken in told.items()}
    return {
        mac: address
        for address in reversed(wanted)
        for mac, forms in told.get(address, {}).items()
        if forms & owning[address]
    }


def _owning(address: IPAddress, spoken: Collection[set[str]]) -> set[str]:
    """Return the forms in which only an owner answers for `address`."""
    if address.version == 6:
        return {"own", "probe"}
    # A bond (balance-alb) may give the probe's asker, 0.0.0.0, another MAC than us.
    split = {"probe"} in spoken and not any({"own", "probe"} <= forms for forms in spoken)
    return {"own", "probe"} if split else {"probe"}


def _link_towards(addresses: Iterable[IPAddress], fallback: str, host: Host) -> str:
    for address in addresses:
        for link, ip in ((each.link, each.ip) for each in host.addresses):
            near = address in ip.network and ip.network.num_addresses > 1
            if near and host.speaks_arp(link):
                return link
    return fallback
