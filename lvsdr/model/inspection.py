"""What the rules look at: the survey and more, all that can make a host speak or be lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from lvsdr.model.address import IPAddress, IPInterface, IPNetwork
from lvsdr.model.ipvs import RealServer
from lvsdr.model.objects import ProxyNeighbour
from lvsdr.model.route_lookup import RouteTo
from lvsdr.model.survey import Survey


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet whose way is asked for: sent by this host, or arriving on a link (with a source)."""

    destination: IPAddress
    source: IPAddress | None = None
    arriving: str | None = None


@dataclass(frozen=True, slots=True)
class HeldAddress:
    """An address as the kernel holds it; `failed`: duplicate address detection found another."""

    link: str
    ip: IPInterface
    scope: str = "global"
    tentative: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Bridge:
    """How a bridge treats frames; `delay` in seconds.

    `filters` are the programs whose rules it asks of its own accord, whatever the sysctls say:
    iptables, ip6tables, arptables.
    """

    stp: bool = False
    delay: float = 15.0
    filters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Owner:
    """Another program that sets up what lvsdr sets up.

    `program` is keepalived, lvs_flush, NetworkManager or systemd-networkd; `place` is its file;
    `claims` what it holds: addresses or links, as it writes them.
    """

    program: str
    place: str
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """The host as it is, in depth; `routes` are the answers to the packets that were asked for.

    `sysctls` has those of the survey and more; `dead_ends` are the destinations of routes that
    lead nowhere; `sync_daemons` are the roles of IPVS's daemons: master, backup. `ports` has the
    state of each port of a bridge: disabled, listening, learning, forwarding, blocking.
    `asked_by_itself` are the host's addresses to which it has connections of its own.
    """

    survey: Survey
    addresses: tuple[HeldAddress, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    dead_ends: frozenset[IPNetwork] = frozenset()
    routes: Mapping[Packet, RouteTo] = field(default_factory=dict)
    real_servers: tuple[RealServer, ...] = ()
    sync_daemons: frozenset[str] = frozenset()
    owners: tuple[Owner, ...] = ()
    bridges: Mapping[str, Bridge] = field(default_factory=dict)
    ports: Mapping[str, str] = field(default_factory=dict)
    asked_by_itself: frozenset[IPAddress] = frozenset()

    def less(self, held: Collection[tuple[str, IPInterface]]) -> Inspection:
        """Return the host with those (link, address) pairs taken away in thought."""
        kept = (each for each in self.addresses if (each.link, each.ip) not in held)
        return replace(self, survey=self.survey.less(held), addresses=tuple(kept))

    @property
    def proxies(self) -> tuple[ProxyNeighbour, ...]:
        return self.survey.proxies

    def number(self, path: str) -> int:
        """Return the value of a sysctl, 0 where the kernel does not have it."""
        return int(self.sysctls.get(path, "0"))

    def pair(self, name: str, link: str, family: str = "ipv4") -> tuple[int, int]:
        """Return the values of a setting for `all` and for `link`."""
        base = f"net/{family}/conf"
        return self.number(f"{base}/all/{name}"), self.number(f"{base}/{link}/{name}")

    def held(self, address: IPAddress) -> tuple[HeldAddress, ...]:
        """Return each place that holds `address`."""
        return tuple(item for item in self.addresses if item.ip.ip == address)
