"""Profiles as the rest of the program sees them: read, checked, every default filled in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from lvsdr.model.address import IPAddress, IPNetwork
from lvsdr.model.folded_servers import ProfileText, ReadInColumns
from lvsdr.model.health import Health
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.objects import Key, ProxyNeighbour, Sysctl


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a profile was applied from, and when last: seconds since 1970.

    `checks` tells what it says of checks from what it said before: none of it is in the kernel.
    """

    file: str
    applied: int = field(compare=False)
    checks: str = ""


@dataclass(frozen=True, slots=True)
class LabelledVip:
    """A VIP of a director; `label` is None for IPv6, which has no labels."""

    address: IPAddress
    label: str | None


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """Where the real servers of a service are asked, which does not say it itself.

    `vip` is None where the profile's own will do; `port` is 0, and `protocol` empty, where it is
    not known.
    """

    service: Service
    vip: IPAddress | None
    protocol: str
    port: int


@dataclass(frozen=True, slots=True)
class DirectorProfile:
    """What a director is: its VIPs on `interface`, its IPVS table, and settings of IPVS.

    `vips_owner` is who puts the VIPs on the link: lvsdr, or keepalived. `standby` is what a
    director that is not the active one of its cluster is: empty, or synced, with the table and
    the backup sync daemon. `arp_flux` is what to do where other links are on the segment of
    `interface`: mend, so that each answers for its own addresses only, or leave. `clients` are the
    networks that clients come from, empty for everywhere. `probes` say what to ask of services that
    do not say it themselves. `health` is how real servers are checked, None for not at all, and
    `own_health` that of services which have their own. `sorry_servers` are in the table only while
    no other real server of their service serves. `table_owner` is who writes the IPVS table: lvsdr,
    or keepalived. `on_change` is the command for each change of a real server. `typed` is how a
    command line names the profile, quoted; empty where a command takes it by itself. `text` is what
    its file was like, `said` the fingerprints of the texts of its virtual servers, by Service.key:
    of those that they tell all of.
    """

    role: ClassVar[str] = "director"

    name: str
    interface: str
    labelled_vips: tuple[LabelledVip, ...]
    virtual_servers: tuple[VirtualServer, ...]
    real_servers: Sequence[RealServer]
    timeouts: tuple[Timeout, ...] = ()
    sync_daemons: tuple[SyncDaemon, ...] = ()
    sysctls: tuple[Sysctl, ...] = ()
    vips_owner: str = "lvsdr"
    standby: str = "empty"
    arp_flux: str = "mend"
    clients: tuple[IPNetwork, ...] = ()
    probes: tuple[ProbeTarget, ...] = ()
    health: Health | None = None
    own_health: Mapping[Service, Health | None] = field(default_factory=dict)
    sorry_servers: tuple[RealServer, ...] = ()
    table_owner: str = "lvsdr"
    on_change: tuple[str, ...] = ()
    typed: str = field(default="", compare=False)
    text: ProfileText | None = field(default=None, compare=False, repr=False)
    said: Mapping[Key, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def vips(self) -> tuple[IPAddress, ...]:
        return tuple(vip.address for vip in self.labelled_vips)

    @property
    def writes_table(self) -> bool:
        """Return whether the virtual and real servers of the kernel are lvsdr's to write."""
        return self.table_owner == "lvsdr"

    def health_of(self, service: Service) -> Health | None:
        """Return how the real servers of a service are checked; None for not at all."""
        return self.own_health.get(service, self.health)

    @property
    def rips(self) -> tuple[IPAddress, ...]:
        """Return each RIP once, in the order of the profile."""
        # By their texts, which are there: an address computes its hash each time.
        servers = self.real_servers
        if isinstance(servers, ReadInColumns):
            return servers.rips()
        return tuple({server.key[-2]: server.rip for server in servers}.values())


@dataclass(frozen=True, slots=True)
class RealServerProfile:
    """What a real server is: the VIPs on `holder_link`, and silence on ARP for them.

    `interface` is the link with the RIP, on which the VIPs' traffic arrives; with `rp_filter`
    None its reverse-path filter stays as it is. `proxy_entries` says what becomes of entries by
    which the host answers for a VIP in another's name, or for a RIP on more than `interface`: keep,
    or remove. `silences` is what becomes of an apply by which other addresses than the VIPs are no
    longer answered for: warn, or refuse. `rips` are the real servers that the profile is for, empty
    if it does not say; `clients` the networks that clients come from, empty for everywhere. `typed`
    is how a command line names the profile, quoted; empty where a command takes it by itself.
    """

    role: ClassVar[str] = "realserver"
    real_servers: ClassVar[tuple[RealServer, ...]] = ()

    name: str
    interface: str
    holder: str
    holder_link: str
    vips: tuple[IPAddress, ...]
    arp_ignore: int = 1
    arp_announce: int = 2
    arp_scope: str = "all"
    rp_filter: int | None = None
    guard: bool = True
    proxy_entries: str = "keep"
    rips: tuple[IPAddress, ...] = ()
    clients: tuple[IPNetwork, ...] = ()
    silences: str = "warn"
    typed: str = field(default="", compare=False)

    def removes(self, entry: ProxyNeighbour, beside: Collection[ProxyNeighbour]) -> bool:
        """Return whether the profile wants a proxy entry away, with those `beside` it."""
        # Nobody asks on the holder.
        if self.proxy_entries != "remove" or entry.link == self.holder_link:
            return False
        return entry.address in self.vips or self.needless(entry, beside)

    def needless(self, entry: ProxyNeighbour, beside: Collection[ProxyNeighbour]) -> bool:
        """Return whether it is for a RIP (a container's) that is entered on the interface too."""
        intended = ProxyNeighbour(self.interface, entry.address)
        known = any(each.key == intended.key for each in beside)
        return known and entry.address in self.rips and entry.link not in ("", self.interface)


Profile = DirectorProfile | RealServerProfile


def command(profile: Profile, verb: str) -> str:
    """Return the command that does `verb` with a profile, as it is typed on this host."""
    return " ".join(filter(None, ("lvsdr", profile.role, verb, profile.typed)))
