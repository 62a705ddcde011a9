"""The host as one read found it: links, addresses, settings, and what the rules look at besides."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from lvsdr.model.address import IPAddress, IPInterface, IPNetwork
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.late_dataclasses import dataclass, field, replace
from lvsdr.model.objects import ProxyNeighbour

if TYPE_CHECKING:
    # A plan looks at none of these.
    from lvsdr.model.bridge_state import Bridge
    from lvsdr.model.firewall import Firewall
    from lvsdr.model.foreign_program import Owner
    from lvsdr.model.route_lookup import Packet, RouteTo
from lvsdr.model.table_state import TableState

# What lies on another link and answers on its wire; an ipvlan does it with that one's MAC.
MACVLANS = frozenset({"macvlan", "macvtap"})
ON_TOP = MACVLANS | {"ipvlan", "ipvtap"}
# Where the kernel enters its own addresses (linux/rtnetlink.h), but for those of a VRF.
TABLE_LOCAL = 255


@dataclass(frozen=True, slots=True)
class HostLink:
    """A link as the kernel shows it; `master` is the name of the link that it is part of.

    `link_kind` is the kernel's word (bridge, bond, veth, dummy, …), empty for hardware;
    `master_kind` the same of its master. `below` is the index of the link that it lies on, or of
    its other end (veth); `far` is this host's number of the namespace where that one is, None for
    the link's own. `parent` is the link of this host on which it lies (macvlan, vlan). `table` is
    the routing table of the VRF that it is or is enslaved to, 0 for none; `mode` an ipvlan's.
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
    table: int = 0
    mode: str = ""

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
    `local_routes` are the networks whose packets stay on this host, by routing table; `table` is
    there where IPVS was asked for.

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
    virtual_servers: tuple[VirtualServer, ...] = ()
    real_servers: tuple[RealServer, ...] = ()
    sync_daemons: frozenset[str] = frozenset()
    owners: tuple[Owner, ...] = ()
    bridges: Mapping[str, Bridge] = field(default_factory=dict)
    ports: Mapping[str, str] = field(default_factory=dict)
    asked_by_itself: frozenset[IPAddress] = frozenset()
    firewalls: tuple[Firewall, ...] = ()
    local_routes: Mapping[int, frozenset[IPNetwork]] = field(default_factory=dict)
    table: TableState = TableState()

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

    def is_local(self, address: IPAddress, link: str) -> bool:
        """Return whether `address` is this host's own in the table that `link` looks into."""
        seen = self.links.get(link)
        table = seen.table if seen is not None and seen.table else TABLE_LOCAL
        return any(address in network for network in self.local_routes.get(table, ()))

    def askers(
        self, link: str, vips: Collection[IPAddress]
    ) -> tuple[IPv4Address | None, IPv6Address | None]:
        """Return the address of each family in whose name to ask on `link`: its own, and no VIP."""
        own = [ip.ip for ip in self.addresses_of(link) if ip.ip not in vips]
        return (
            next((ip for ip in own if isinstance(ip, IPv4Address)), None),
            next((ip for ip in own if isinstance(ip, IPv6Address)), None),
        )

    def on_one_wire(self, link: str) -> tuple[str, ...]:
        """Return the links that answer for themselves on the wire of `link`: it is the first.

        The others lie on it, or on what it lies on, as a macvlan or ipvlan: keepalived's use_vmac
        puts the VIPs on such a one.
        """
        base = self._base(link, ON_TOP)
        others = (name for name in self.links if name != link and self._base(name, ON_TOP) == base)
        return tuple(name for name in (link, *others) if self.speaks_arp(name))

    def holder_on_wire(self, address: IPAddress, link: str) -> str | None:
        """Return the link that holds `address` on the wire of `link`: that itself, if it does."""
        held = self.links_with(address)
        return next((name for name in (link, *self.on_one_wire(link)) if name in held), None)

    def share_mac(self, one: str, other: str) -> bool:
        """Return whether two links answer with one MAC address, as an ipvlan and its parent do."""
        macs = [self.links[name].mac for name in (one, other) if name in self.links]
        return len(macs) == 2 and macs[0] == macs[1] != ""

    def same_segment(self, one: str, other: str) -> bool:
        """Return whether two links share a subnet, or lie on one another or on the same parent."""
        if self._base(one, MACVLANS) == self._base(other, MACVLANS):
            return True
        return any(
            mine.network.overlaps(its.network)
            for mine in self.addresses_of(one)
            for its in self.addresses_of(other)
            if mine.version == its.version == 4
            and min(mine.network.num_addresses, its.network.num_addresses) > 1
        )

    def _base(self, link: str, kinds: frozenset[str]) -> str:
        """Return the link on which one of `kinds` lies; a VLAN is a segment of its own."""
        seen = self.links.get(link)
        return seen.parent or link if seen is not None and seen.link_kind in kinds else link

    def number(self, path: str) -> int:
        """Return the value of a sysctl, 0 where the kernel does not have it."""
        return int(self.sysctls.get(path, "0"))

    def pair(self, name: str, link: str, family: str = "ipv4") -> tuple[int, int]:
        """Return the values of a setting for `all` and for `link`."""
        base = f"net/{family}/conf"
        return self.number(f"{base}/all/{name}"), self.number(f"{base}/{link}/{name}")

    def forwards(self, version: int, link: str) -> bool:
        """Return whether the kernel sends on what arrives on `link` for somebody else."""
        if version == 4:
            return bool(self.number(f"net/ipv4/conf/{link}/forwarding"))
        # ip6_forward() asks `all` alone; force_forwarding, which old kernels lack, the link too.
        everywhere = self.number("net/ipv6/conf/all/forwarding")
        return bool(everywhere or self.number(f"net/ipv6/conf/{link}/force_forwarding"))

    def without(self, link: str, addresses: Collection[IPAddress]) -> Host:
        """Return the host with `addresses` taken from `link` in thought."""
        return self.without_held(
            [(link, ip) for ip in self.addresses_of(link) if ip.ip in addresses]
        )

    def without_held(self, held: Collection[tuple[str, IPInterface]]) -> Host:
        """Return the host with those (link, address) pairs taken away in thought."""
        kept = (each for each in self.addresses if (each.link, each.ip) not in held)
        return replace(self, addresses=tuple(kept))
