"""What lvsdr manages: frozen objects with a key (which one) and fields (how it is set up)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from lvsdr.model.address import IPAddress, IPInterface, IPNetwork, kernel_identity, wide_prefix
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.other_attributes import AddressAttributes, RouteAttributes

Key = tuple[str | int, ...]
"""The kind of an object, then what tells it from its like."""

# The layers, from the ground up. What is desired is done in this order, what is given up in the
# reverse: a real server is silent on ARP before it holds a VIP and until it has let go of it, and
# a director's table is complete before the VIP draws traffic to it, and what a sync daemon hears
# of finds its virtual server.
SILENCE, LINKS, SETTINGS, ROUTES, SERVICES, DESTINATIONS, DAEMONS, ADDRESSES = range(8)

# That of a guard route, larger than that of any route somebody means; the kernel's own end of the
# scale is one above.
GUARD_METRIC = 4_294_967_294


@dataclass(frozen=True, slots=True)
class Object:
    """Something that the host has and lvsdr manages; each kind of it is a subclass with fields."""

    kind: ClassVar[str]
    noun: ClassVar[str]

    @property
    def key(self) -> Key:
        raise NotImplementedError

    @property
    def layer(self) -> int:
        """Return when its turn comes: one of the layers."""
        raise NotImplementedError

    @property
    def parent_key(self) -> Key | None:
        """Return the key of what holds it: the link of an address, the service of a server."""
        return None

    @property
    def title(self) -> str:
        """Return which one it is, in words."""
        raise NotImplementedError

    @property
    def detail(self) -> str:
        """Return how it is set up, in words."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.title} ({self.detail})"


@dataclass(frozen=True, slots=True)
class Sysctl(Object):
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
class Link(Object):
    """A link that holds VIPs; `link_kind` is the kernel's word: loopback, dummy, ipip.

    `started` is false for one that was never up: until then it has no queueing discipline. `index`
    is the kernel's number of one that was observed.
    """

    kind: ClassVar[str] = "link"
    noun: ClassVar[str] = "link"
    layer: ClassVar[int] = LINKS

    name: str
    link_kind: str
    up: bool
    arp: bool
    started: bool = True
    index: int = field(default=0, compare=False, repr=False)

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


@dataclass(frozen=True, slots=True)
class Address(Object):
    """An address of a link; `ip` carries its prefix length, `label` is None for IPv6.

    A deprecated one is never a source (IPv6). One observed `ahead` is before the host's own first.
    """

    kind: ClassVar[str] = "address"
    noun: ClassVar[str] = "address"
    layer: ClassVar[int] = ADDRESSES

    link: str
    ip: IPInterface
    label: str | None = None
    scope: str = "global"
    deprecated: bool = False
    attributes: AddressAttributes | None = field(default=None, compare=False, repr=False)
    ahead: bool = field(default=False, compare=False, repr=False)

    @property
    def key(self) -> Key:
        return (self.kind, kernel_identity(self.ip), self.link)

    @property
    def detail(self) -> str:
        label = f"label {self.label}, " if self.label else ""
        place = ", deprecated" if self.deprecated else ", ahead of the host's own" * self.ahead
        time = ", for a time" if self.attributes and self.attributes.limited else ""
        return f"{label}{wide_prefix(self.ip)}scope {self.scope}{place}{time}"

    @property
    def title(self) -> str:
        return f"{self.ip} on {self.link}"

    @property
    def parent_key(self) -> Key:
        return (Link.kind, self.link)

    def __str__(self) -> str:
        label = f" as {self.label}" if self.label not in (None, self.link) else ""
        return f"{self.title}{label}"


@dataclass(frozen=True, slots=True)
class Route(Object):
    """A route of the main table that leads nowhere; `route_kind` is unreachable or blackhole."""

    kind: ClassVar[str] = "route"
    noun: ClassVar[str] = "route"
    layer: ClassVar[int] = ROUTES

    destination: IPNetwork
    metric: int
    route_kind: str = "unreachable"
    attributes: RouteAttributes | None = field(default=None, compare=False, repr=False)

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
class ProxyNeighbour(Object):
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


Objects = Mapping[Key, Object]
NOTHING: Objects = {}
Baseline = Mapping[Key, Object | None]
"""How each object was before lvsdr first touched it; None: it was not there."""


def there(item: Object | None) -> bool:
    """Return whether an object is there; one that is wanted away is known all the same."""
    # Sought by its type: this is asked of each of fifty thousand real servers, again and again.
    return item is not None and (type(item) is not ProxyNeighbour or item.there)


def keyed(objects: Iterable[Object]) -> dict[Key, Object]:
    """Return `objects` by their keys; the last of equal keys wins."""
    return {item.key: item for item in objects}
