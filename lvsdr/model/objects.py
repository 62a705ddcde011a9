"""What lvsdr manages: frozen objects with a key (which one) and fields (how it is set up)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from lvsdr.model.address import IPAddress, IPInterface, IPNetwork

Key = tuple[str | int, ...]
"""The kind of an object, then what tells it from its like."""

# The layers, from the ground up. What is desired is done in this order, what is given up in the
# reverse: a real server is silent on ARP before it holds a VIP and until it has let go of it, and
# a director's table is complete before the VIP draws traffic to it, and what a sync daemon hears
# of finds its virtual server.
SILENCE, LINKS, SETTINGS, ROUTES, SERVICES, DESTINATIONS, DAEMONS, ADDRESSES = range(8)

# Each flag of a scheduler by its name: the scheduler it is for, and its bit (linux/ip_vs.h).
SCHEDULER_FLAGS: Mapping[str, tuple[str, int]] = {
    "sh-fallback": ("sh", 0x08),
    "sh-port": ("sh", 0x10),
    "mh-fallback": ("mh", 0x08),
    "mh-port": ("mh", 0x10),
}
TUNNEL_TYPES = ("ipip", "gue", "gre")
TUNNEL_CHECKSUMS = ("none", "csum", "remcsum")
Tunnel = tuple[int, int, int]
"""The kernel's type, port (host byte order) and flags of a tunnel."""
IPIP_TUNNEL: Tunnel = (0, 0, 0)

# That of a guard route, larger than that of any route somebody means; the kernel's own end of the
# scale is one above.
GUARD_METRIC = 4_294_967_294


@dataclass(frozen=True, slots=True)
class Sysctl:
    """A kernel setting; `path` has slashes (link names may hold dots) and starts at `net/`."""

    kind: ClassVar[str] = "sysctl"
    noun: ClassVar[str] = "sysctl"

    path: str
    value: str

    @property
    def key(self) -> Key:
        return (self.kind, self.path)

    @property
    def layer(self) -> int:
        return SILENCE if self.path.rpartition("/")[2].startswith("arp_") else SETTINGS

    @property
    def detail(self) -> str:
        return self.value

    @property
    def title(self) -> str:
        return self.path

    def __str__(self) -> str:
        return f"{self.path} = {self.value}"


@dataclass(frozen=True, slots=True)
class Link:
    """A link that holds VIPs; `link_kind` is the kernel's word: loopback, dummy, ipip.

    `started` is false for one that was never up: until then it has no queueing discipline.
    """

    kind: ClassVar[str] = "link"
    noun: ClassVar[str] = "link"
    layer: ClassVar[int] = LINKS

    name: str
    link_kind: str
    up: bool
    arp: bool
    started: bool = True

    @property
    def key(self) -> Key:
        return (self.kind, self.name)

    @property
    def detail(self) -> str:
        up = "up" if self.up else "down" if self.started else "never up"
        return f"{self.link_kind}, {up}" + ("" if self.arp else ", noarp")

    @property
    def title(self) -> str:
        return self.name

    def __str__(self) -> str:
        return f"{self.title} ({self.detail})"


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a link; `ip` carries its prefix length, `label` is None for IPv6.

    `scope` is the kernel's: global or host (IPv4), by the address itself for IPv6. A deprecated
    address is never chosen as a source (IPv6; IPv4 does not care).
    """

    kind: ClassVar[str] = "address"
    noun: ClassVar[str] = "address"
    layer: ClassVar[int] = ADDRESSES

    link: str
    ip: IPInterface
    label: str | None = None
    scope: str = "global"
    deprecated: bool = False

    @property
    def key(self) -> Key:
        return (self.kind, str(self.ip), self.link)

    @property
    def detail(self) -> str:
        label = f"label {self.label}, " if self.label else ""
        return f"{label}scope {self.scope}" + (", deprecated" if self.deprecated else "")

    @property
    def title(self) -> str:
        return f"{self.ip} on {self.link}"

    def __str__(self) -> str:
        label = f" as {self.label}" if self.label not in (None, self.link) else ""
        return f"{self.title}{label}"


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the main table that leads nowhere; `route_kind` is unreachable or blackhole."""

    kind: ClassVar[str] = "route"
    noun: ClassVar[str] = "route"
    layer: ClassVar[int] = ROUTES

    destination: IPNetwork
    metric: int
    route_kind: str = "unreachable"

    @property
    def key(self) -> Key:
        return (self.kind, str(self.destination), self.metric)

    @property
    def detail(self) -> str:
        return self.route_kind

    @property
    def title(self) -> str:
        return f"{self.destination} metric {self.metric}"

    def __str__(self) -> str:
        return f"{self.route_kind} {self.title}"


@dataclass(frozen=True, slots=True)
class ProxyNeighbour:
    """An entry by which `link` answers for `address` in another's name; empty: on every link.

    Unlike others it may be wanted away: that is what it is when it is not `there`, and so it goes
    back. `protocol` says who made it, by the numbers of rtnetlink(7); `router` is for IPv6.
    """

    kind: ClassVar[str] = "proxy_neighbour"
    noun: ClassVar[str] = "proxy entry"

    link: str
    address: IPAddress
    there: bool = True
    router: bool = False
    protocol: int = 0

    @property
    def key(self) -> Key:
        return (self.kind, self.link, str(self.address))

    @property
    def layer(self) -> int:
        # The kernel takes none of a link while there is one of every link: so that goes first, and
        # comes back last (pneigh_lookup() of net/core/neighbour.c).
        return LINKS if self.link else SILENCE

    @property
    def detail(self) -> str:
        protocol = f"protocol {self.protocol}" if self.protocol else ""
        return ", ".join(filter(None, ["there", "router" if self.router else "", protocol]))

    @property
    def title(self) -> str:
        return f"proxy {self.address} on {self.link or 'every link'}"

    def __str__(self) -> str:
        return self.title if self.there else f"no {self.title}"


class Numerous:
    """Remembers its key, which is asked for again and again: of these there may be many."""

    __slots__ = ("_key",)
    _key: Key

    @property
    def key(self) -> Key:
        try:
            return self._key
        except AttributeError:
            object.__setattr__(self, "_key", self._made_key())
            return self._key

    def _made_key(self) -> Key:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Service(Numerous):
    """Which virtual server: protocol, VIP and port, or a firewall mark for one address family.

    `protocol` is tcp, udp, sctp or fwmark; with fwmark, `vip` is None and `port` 0.
    """

    protocol: str
    vip: IPAddress | None = None
    port: int = 0
    fwmark: int = 0
    family: str = "inet"

    def _made_key(self) -> Key:
        if self.vip is None:
            return (self.protocol, self.fwmark, self.family)
        return (self.protocol, str(self.vip), self.port)

    def __str__(self) -> str:
        if self.vip is None:
            return f"fwmark {self.fwmark}" + (" inet6" if self.family == "inet6" else "")
        return f"{self.protocol} {endpoint(str(self.key[1]), self.port)}"


@lru_cache(maxsize=65536)
def shared(service: Service) -> Service:
    """Return the first service equal to this: of those that are one object none is compared."""
    return service


@dataclass(frozen=True, slots=True)
class VirtualServer:
    """How connections to a service are spread.

    `persistence` is in seconds, None without; `persistence_prefix` is the client prefix that
    sticks together (None: one host); `flags` are those of the scheduler, by number (bits 3 to 5);
    `engine` is a persistence engine such as sip.
    """

    kind: ClassVar[str] = "virtual_server"
    noun: ClassVar[str] = "virtual server"
    layer: ClassVar[int] = SERVICES

    service: Service
    scheduler: str = "wlc"
    persistence: int | None = None
    persistence_prefix: int | None = None
    one_packet: bool = False
    flags: int = 0
    engine: str | None = None

    @property
    def key(self) -> Key:
        return (self.kind, *self.service.key)

    @property
    def detail(self) -> str:
        said = [
            self.scheduler,
            flags_spoken(self.scheduler, self.flags),
            "one-packet" if self.one_packet else "",
            "" if self.persistence is None else f"persistence {self.persistence} s",
            "" if self.persistence_prefix is None else f"per /{self.persistence_prefix}",
            f"engine {self.engine}" if self.engine else "",
        ]
        return ", ".join(filter(None, said))

    @property
    def title(self) -> str:
        return str(self.service)

    def __str__(self) -> str:
        return f"{self.title} ({self.detail})"


@dataclass(frozen=True, slots=True)
class RealServer(Numerous):
    """One real server of a virtual server; `forwarding_method` is dr, tunnel, masquerade, local.

    `tunnel` holds the kernel's type, port (host byte order) and flags; all 0 is plain IPIP.
    """

    kind: ClassVar[str] = "real_server"
    noun: ClassVar[str] = "real server"
    layer: ClassVar[int] = DESTINATIONS

    service: Service
    rip: IPAddress
    port: int
    weight: int = 1
    forwarding_method: str = "dr"
    upper_threshold: int = 0
    lower_threshold: int = 0
    tunnel: Tunnel = IPIP_TUNNEL

    def _made_key(self) -> Key:
        return (self.kind, *self.service.key, str(self.rip), self.port)

    @property
    def detail(self) -> str:
        bounds = (self.upper_threshold, self.lower_threshold)
        return _settings_spoken(self.forwarding_method, self.weight, bounds, self.tunnel)

    @property
    def place(self) -> str:
        """Return its address, with its port where it has one."""
        # As the key has it: an address is written anew each time that it is asked for its text.
        text = str(self.key[-2])
        return endpoint(text, self.port) if self.port else text

    @property
    def title(self) -> str:
        return f"{self.place} of {self.service}"

    def __str__(self) -> str:
        return f"{self.title} ({self.detail})"


@dataclass(frozen=True, slots=True)
class Timeout:
    """How long IPVS remembers a connection that rests; `protocol` is tcp, tcp_fin or udp."""

    kind: ClassVar[str] = "timeout"
    noun: ClassVar[str] = "timeout"
    layer: ClassVar[int] = SETTINGS

    protocol: str
    seconds: int

    @property
    def key(self) -> Key:
        return (self.kind, self.protocol)

    @property
    def detail(self) -> str:
        return f"{self.seconds} s"

    @property
    def title(self) -> str:
        return f"timeout {self.protocol}"

    def __str__(self) -> str:
        return f"{self.title} {self.detail}"


@dataclass(frozen=True, slots=True)
class SyncDaemon:
    """The thread that tells others of connections (master), or hears of theirs (backup).

    `maxlen` is the UDP payload of a message, in bytes.
    """

    kind: ClassVar[str] = "sync_daemon"
    noun: ClassVar[str] = "sync daemon"
    layer: ClassVar[int] = DAEMONS

    state: str
    link: str
    syncid: int
    maxlen: int
    group: IPAddress
    port: int
    ttl: int

    @property
    def key(self) -> Key:
        return (self.kind, self.state)

    @property
    def detail(self) -> str:
        where = f"{endpoint(self.group, self.port)} on {self.link}"
        return f"{where}, syncid {self.syncid}, maxlen {self.maxlen}, ttl {self.ttl}"

    @property
    def title(self) -> str:
        return f"sync {self.state}"

    def __str__(self) -> str:
        return f"{self.title} ({self.detail})"


Object = (
    Sysctl
    | Link
    | Address
    | Route
    | ProxyNeighbour
    | VirtualServer
    | RealServer
    | Timeout
    | SyncDaemon
)
Objects = Mapping[Key, Object]
NOTHING: Objects = {}
Baseline = Mapping[Key, Object | None]
"""How each object was before lvsdr first touched it; None: it was not there."""

KINDS: Mapping[str, type[Object]] = {
    "sysctl": Sysctl,
    "link": Link,
    "address": Address,
    "route": Route,
    "proxy_neighbour": ProxyNeighbour,
    "virtual_server": VirtualServer,
    "real_server": RealServer,
    "timeout": Timeout,
    "sync_daemon": SyncDaemon,
}


def alike(model: RealServer, rip: IPAddress, text: str) -> RealServer:
    """Return a real server that is as `model` but for its RIP, which is written as `text`."""
    made = RealServer(
        model.service,
        rip,
        model.port,
        model.weight,
        model.forwarding_method,
        model.upper_threshold,
        model.lower_threshold,
        model.tunnel,
    )
    kind, protocol, vip, vip_port, _, port = model.key
    object.__setattr__(made, "_key", (kind, protocol, vip, vip_port, text, port))
    return made


def parent_key(item: Object) -> Key | None:
    """Return the key of what holds `item`: the link of an address, the service of a server."""
    if isinstance(item, Address):
        return (Link.kind, item.link)
    if isinstance(item, RealServer):
        return (VirtualServer.kind, *item.service.key)
    return None


def there(item: Object | None) -> bool:
    """Return whether an object is there; one that is wanted away is known all the same."""
    return item is not None and not (isinstance(item, ProxyNeighbour) and not item.there)


def keyed(objects: Iterable[Object]) -> dict[Key, Object]:
    """Return `objects` by their keys; the last of equal keys wins."""
    return {item.key: item for item in objects}


def endpoint(address: IPAddress | str, port: int) -> str:
    """Return ADDRESS:PORT as people write it, an IPv6 address in brackets."""
    text = str(address)
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


@lru_cache(maxsize=1024)
def _settings_spoken(
    method: str, weight: int, bounds: tuple[int, int], tunnel: tuple[int, int, int]
) -> str:
    """Return what many real servers have in common, as people say it."""
    upper, lower = bounds
    said = [
        method,
        f"weight {weight}",
        f"thresholds {upper}/{lower}" if upper or lower else "",
        tunnel_spoken(*tunnel),
    ]
    return ", ".join(filter(None, said))


def flags_spoken(scheduler: str, flags: int) -> str:
    """Return the flags of a scheduler by their names, those unknown by their number."""
    if not flags:
        return ""
    known = {name: bit for name, (owner, bit) in SCHEDULER_FLAGS.items() if owner == scheduler}
    names = [name for name, bit in known.items() if flags & bit]
    rest = flags & ~sum(known.values())
    return ", ".join([*names, *([f"flags {rest:#x}"] if rest else [])])


def tunnel_spoken(kind: int, port: int, flags: int) -> str:
    """Return a tunnel that is not plain IPIP: its type, port and checksum."""
    if not (kind or port or flags):
        return ""
    name = TUNNEL_TYPES[kind] if kind < len(TUNNEL_TYPES) else f"tunnel type {kind}"
    checks = [each for bit, each in ((1, "csum"), (2, "remcsum")) if flags & bit]
    return ", ".join([f"{name} port {port}" if port else name, *checks])
