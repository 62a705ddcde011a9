"""The host as one read found it: links, addresses, settings, and what the rules look at besides."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from lvsdr.model.address import IPAddress, IPInterface, IPNetwork
from lvsdr.model.ipvs import RealServer
from lvsdr.model.objects import ProxyNeighbour

if TYPE_CHECKING:
    # A plan looks at none of these.
    from lvsdr.model.bridge_state import Bridge
    from lvsdr.model.firewall import Firewall
    from lvsdr.model.foreign_program import Owner
    from lvsdr.model.route_lookup import Packet, RouteTo


@dataclass(frozen=True, slots=True)
class HostLink:
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
    def vrf(self) -> str | None:
        """Return the VRF that the link is in."""
        return self.master if self.master_kind == "vrf" else None

    @property
    def enslaved(self) -> bool:
        """Return whether ARP is spoken by the master: not so in a VRF, which is layer 3."""
        return self.master is not None and self.master_kind != "vrf"

    @property
    def speaks_arp(self) -> bool:
        """Return whether the kernel answers ARP on this link."""
        return self.up and self.arp and not self.loopback and not self.enslaved


@dataclass(frozen=True, slots=True)
class HeldAddress:
    """An address as the kernel holds it; `failed`: duplicate address detection found another."""

    link: str
    ip: IPInterface
    scope: str = "global"
    tentative: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """The host as it is: links by name, addresses in the kernel's order, sysctls by path.

    `proxies` are the addresses for which it answers in another's name. A plan needs no more; what
    follows is there where the host was inspected.

    `routes` are the answers to the packets that were asked for; `networks` the destinations of all
    routes, as far as they were read; `dead_ends` those of routes that lead nowhere; `sync_daemons`
    are the roles of IPVS's daemons: master, backup. `ports` has the state of each port of a bridge:
    disabled, listening, learning, forwarding, blocking. `asked_by_itself` are the host's addresses
    to which it has connections of its own; `firewalls` is where rules filter its packets.

    The kernel has no one answer for all of this: an address may name a link that is not among
    `links`, because it came or went in between.
    """

    links: Mapping[str, HostLink]
    addresses: tuple[HeldAddress, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    proxies: tuple[ProxyNeighbour, ...] = ()
    routes: Mapping[Packet, RouteTo] = field(default_factory=dict)
    networks: tuple[IPNetwork, ...] = ()
    dead_ends: frozenset[IPNetwork] = frozenset()
    real_servers: tuple[RealServer, ...] = ()
    sync_daemons: frozenset[str] = frozenset()
    owners: tuple[Owner, ...] = ()
    bridges: Mapping[str, Bridge] = field(default_factory=dict)
    ports: Mapping[str, str] = field(default_factory=dict)
    asked_by_itself: frozenset[IPAddress] = frozenset()
    firewalls: tuple[Firewall, ...] = ()

    @property
    def ips(self) -> frozenset[IPAddress]:
        """Return every address of this host, whichever link holds it."""
        return frozenset(each.ip.ip for each in self.addresses)

    def addresses_of(self, link: str) -> tuple[IPInterface, ...]:
        """Return the addresses of `link`, in the kernel's order."""
        return tuple(each.ip for each in self.addresses if each.link == link)

    def held(self, address: IPAddress) -> tuple[HeldAddress, ...]:
        """Return each place that holds `address`, with whatever prefix length."""
        return tuple(each for each in self.addresses if each.ip.ip == address)

    def links_with(self, address: IPAddress) -> tuple[str, ...]:
        """Return the links that hold `address`, with whatever prefix length."""
        return tuple(each.link for each in self.held(address))

    def speaks_arp(self, link: str) -> bool:
        """Return whether the kernel answers ARP on the link of this name; not where it has gone."""
        seen = self.links.get(link)
        return seen is not None and seen.speaks_arp

    def askers(
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

    def number(self, path: str) -> int:
        """Return the value of a sysctl, 0 where the kernel does not have it."""
        return int(self.sysctls.get(path, "0"))

    def pair(self, name: str, link: str, family: str = "ipv4") -> tuple[int, int]:
        """Return the values of a setting for `all` and for `link`."""
        base = f"net/{family}/conf"
        return self.number(f"{base}/all/{name}"), self.number(f"{base}/{link}/{name}")

    def without(self, link: str, addresses: Collection[IPAddress]) -> Host:
        """Return the host with `addresses` taken from `link` in thought."""
        return self.without_held(
            [(link, ip) for ip in self.addresses_of(link) if ip.ip in addresses]
        )

    def without_held(self, held: Collection[tuple[str, IPInterface]]) -> Host:
        """Return the host with those (link, address) pairs taken away in thought."""
        kept = (each for each in self.addresses if (each.link, each.ip) not in held)
        return replace(self, addresses=tuple(kept))
