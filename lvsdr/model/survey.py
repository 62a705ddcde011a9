"""What a plan depends on though no profile names it: the host's links, addresses, ARP settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address

from lvsdr.model.address import IPAddress, IPInterface
from lvsdr.model.objects import ProxyNeighbour


@dataclass(frozen=True, slots=True)
class SurveyedLink:
    """A link as the kernel shows it; `master` is the name of the link that it is part of.

    `link_kind` is the kernel's word (bridge, bond, veth, dummy, …), empty for hardware;
    `master_kind` the same of its master. `below` is the index of the link that it lies on, or of
    its other end (veth); `far` is this host's number of the namespace where that one is, None for
    the link's own. `parent` is the link of this host on which it lies (macvlan, vlan).
    """

    name: str
    link_kind: str = ""
    mac: str = ""
    up: bool = True
    arp: bool = True
    loopback: bool = False
    master: str | None = None
    master_kind: str = ""
    index: int = 0
    below: int = 0
    far: int | None = None
    parent: str | None = None
    mtu: int = 0

    @property
    def enslaved(self) -> bool:
        """Return whether ARP is spoken by the master: not so in a VRF, which is layer 3."""
        return self.master is not None and self.master_kind != "vrf"

    @property
    def speaks_arp(self) -> bool:
        """Return whether the kernel answers ARP on this link."""
        return self.up and self.arp and not self.loopback and not self.enslaved


@dataclass(frozen=True, slots=True)
class Survey:
    """The host as it is: links by name, (link, address) pairs, and sysctls by path.

    `proxies` are the addresses for which it answers in another's name.
    """

    links: Mapping[str, SurveyedLink]
    addresses: tuple[tuple[str, IPInterface], ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    proxies: tuple[ProxyNeighbour, ...] = ()

    def addresses_of(self, link: str) -> tuple[IPInterface, ...]:
        """Return the addresses of `link`, in the kernel's order."""
        return tuple(ip for name, ip in self.addresses if name == link)

    def speakers(
        self, link: str, vips: Collection[IPAddress]
    ) -> tuple[IPv4Address | None, IPv6Address | None]:
        """Return the address of each family in whose name to ask on `link`: its own, and no VIP."""
        own = [ip.ip for ip in self.addresses_of(link) if ip.ip not in vips]
        return (
            next((ip for ip in own if isinstance(ip, IPv4Address)), None),
            next((ip for ip in own if isinstance(ip, IPv6Address)), None),
        )

    def same_segment(self, one: str, other: str) -> bool:
        """Return whether two links share a subnet, or lie on one another or on the same parent."""
        if self._foundation(one) == self._foundation(other):
            return True
        return any(
            mine.network.overlaps(its.network)
            for mine in self.addresses_of(one)
            for its in self.addresses_of(other)
            if mine.version == its.version == 4
            and min(mine.network.num_addresses, its.network.num_addresses) > 1
        )

    def _foundation(self, link: str) -> str:
        """Return the link on which a macvlan or macvtap lies; a VLAN is a segment of its own."""
        seen = self.links.get(link)
        on_top = seen is not None and seen.link_kind in ("macvlan", "macvtap")
        return seen.parent or link if seen is not None and on_top else link

    def without(self, link: str, addresses: Collection[IPAddress]) -> Survey:
        """Return the survey with `addresses` taken from `link` in thought."""
        kept = ((name, ip) for name, ip in self.addresses if name != link or ip.ip not in addresses)
        return replace(self, addresses=tuple(kept))

    def less(self, held: Collection[tuple[str, IPInterface]]) -> Survey:
        """Return the survey with those (link, address) pairs taken away in thought."""
        return replace(self, addresses=tuple(each for each in self.addresses if each not in held))

    def links_with(self, address: IPAddress) -> tuple[str, ...]:
        """Return the links that hold `address`, with whatever prefix length."""
        return tuple(name for name, ip in self.addresses if ip.ip == address)
