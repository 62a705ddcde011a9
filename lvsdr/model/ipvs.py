"""The servers of IPVS: virtual servers and their real servers, with the settings of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

from lvsdr.model.address import IPAddress, endpoint
from lvsdr.model.ipvs_setting_words import PEOPLE, all_said, has_words, limits_in_words, setting
from lvsdr.model.ipvs_tunnel import IPIP_TUNNEL, Tunnel, tunnel_in_words
from lvsdr.model.late_dataclasses import Field, dataclass, fields
from lvsdr.model.objects import DESTINATIONS, SERVICES, Key, Object
from lvsdr.model.scheduler_flags import flags_in_words


class RemembersKey:
    """Remembers its key, which is asked for again and again: of these there may be many."""

    __slots__ = ("key",)
    key: Key

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Key:
            # Asked when there is none: when the key is asked for the first time.
            if name != "key":
                raise AttributeError(f"{type(self).__name__} has no {name}")
            object.__setattr__(self, "key", self._made_key())
            return self.key

    def _made_key(self) -> Key:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Service(RemembersKey):
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
        return _service_text(self.protocol, self.key[1], self.port, self.family)


# Of the thousands of real servers of a plan each is said with its service.
@lru_cache(maxsize=1024)
def _service_text(protocol: str, named: str | int, port: int, family: str) -> str:
    if protocol == "fwmark":
        return f"fwmark {named}" + (" inet6" if family == "inet6" else "")
    return f"{protocol} {endpoint(str(named), port)}"


@lru_cache(maxsize=65536)
def interned(service: Service) -> Service:
    """Return the first service equal to this: of those that are one object none is compared."""
    return service


@dataclass(frozen=True, slots=True)
class VirtualServer(Object):
    """How connections to a service are spread.

    `persistence` is in seconds, None without; `persistence_prefix` is the client prefix that
    sticks together (None: one host), or the mask, where it is none of a profile: 255.0.255.0;
    `flags` are the scheduler's, by number (bits 3 to 5); `engine` is a persistence engine: sip.
    """

    kind: ClassVar[str] = "virtual_server"
    noun: ClassVar[str] = "virtual server"
    layer: ClassVar[int] = SERVICES

    service: Service
    scheduler: str = setting("wlc", always=True, ipvsadm="-s {}")
    persistence: int | None = setting(
        None, people="persistence {} s", ipvsadm="-p {}", keepalived="persistence_timeout {}"
    )
    persistence_prefix: int | str | None = setting(None, people="per /{}")
    one_packet: bool = setting(False, ipvsadm="-o", keepalived="ops")
    flags: int = setting(0)
    engine: str | None = setting(None, people="engine {}", ipvsadm="--pe {}")

    @property
    def key(self) -> Key:
        return (self.kind, *self.service.key)

    @property
    def detail(self) -> str:
        said = [
            self.scheduler,
            flags_in_words(self.scheduler, self.flags),
            "one-packet" if self.one_packet else "",
            *all_said(settings(self), PEOPLE),
        ]
        return ", ".join(filter(None, said))

    @property
    def title(self) -> str:
        return str(self.service)


@dataclass(frozen=True, slots=True)
class RealServer(RemembersKey, Object):
    """One real server of a virtual server; `forwarding_method` is dr, tunnel, masquerade, local.

    `tunnel` holds the kernel's type, port (host byte order) and flags; all 0 is plain IPIP.
    """

    kind: ClassVar[str] = "real_server"
    noun: ClassVar[str] = "real server"
    layer: ClassVar[int] = DESTINATIONS

    service: Service
    rip: IPAddress
    port: int
    weight: int = setting(
        1, always=True, people="weight {}", ipvsadm="-w {}", keepalived="weight {}"
    )
    forwarding_method: str = setting("dr")
    upper_threshold: int = setting(0, keepalived="uthreshold {}")
    lower_threshold: int = setting(0, keepalived="lthreshold {}")
    tunnel: Tunnel = setting(IPIP_TUNNEL)

    def _made_key(self) -> Key:
        return (self.kind, *self.service.key, str(self.rip), self.port)

    @property
    def detail(self) -> str:
        return detail_of(*settings_of(self))

    @property
    def place(self) -> str:
        """Return its address, with its port where it has one."""
        # As the key has it: an address is written anew each time that it is asked for its text.
        text = str(self.key[-2])
        return endpoint(text, self.port) if self.port else text

    @property
    def title(self) -> str:
        return f"{self.place} of {self.service}"

    @property
    def parent_key(self) -> Key:
        return (VirtualServer.kind, *self.service.key)


REAL_SERVERS = "real_servers"  # those of a service in one: ServersInColumns
SERVER_KINDS = frozenset({VirtualServer.kind, RealServer.kind, REAL_SERVERS})
"""The kinds of objects whose keys go on with their service: protocol, VIP and port, or mark."""

# All fields but those that say which server it is.
SETTING_FIELDS: Mapping[type[Object], tuple[Field[Any], ...]] = {
    kind: tuple(each for each in fields(kind) if each.name not in {"service", "rip", "port"})
    for kind in (VirtualServer, RealServer)
}
Settings = tuple[Any, ...]
"""The values of a server's SETTING_FIELDS, in their order: the same for many real servers."""
settings_of: Callable[[RealServer], Settings] = attrgetter(
    *(each.name for each in SETTING_FIELDS[RealServer])
)


def settings(server: VirtualServer | RealServer) -> list[tuple[Field[Any], Any]]:
    """Return the settings of a server, each with its value."""
    return [(each, getattr(server, each.name)) for each in SETTING_FIELDS[type(server)]]


def servers_in_columns(
    service: Service,
    rips: Iterable[IPAddress],
    texts: Sequence[str],
    ports: Iterable[int],
    settings: Iterable[Iterable[Any]],
) -> list[RealServer]:
    """Return the real servers at `rips`, which are written as `texts`: their keys are there.

    `settings` are the columns of SETTING_FIELDS. All but the first and the third may go on without
    end. A column at a time takes a fifth of what one real server after the other does.
    """
    columns = list(islice(ports, len(texts))), *settings
    made = list(map(RealServer.__new__, repeat(RealServer, len(texts))))
    keys = zip(repeat(RealServer.kind), *map(repeat, service.key), texts, columns[0])
    for put, values in zip(_PUT, (repeat(service), rips, *columns, keys), strict=True):
        _exhaust(map(put, made, values))
    return made


# What sets a field of a new object that nobody knows yet; it is frozen for everybody else.
_PUT: Sequence[Callable[[RealServer, Any], None]] = [
    getattr(RealServer, name).__set__
    for name in (*(each.name for each in fields(RealServer)), "key")
]
_exhaust: Callable[[Iterable[None]], object] = deque[None](maxlen=0).extend


def by_service(items: Iterable[Object]) -> dict[Service, list[RealServer]]:
    """Return the real servers among `items` by their service, in their order."""
    found: dict[Service, list[RealServer]] = {}
    service, here = None, list[RealServer]()
    for item in items:
        if isinstance(item, RealServer):
            # Those of a service follow one another, mostly.
            if item.service is not service:
                service, here = item.service, found.setdefault(item.service, [])
            here.append(item)
    return found


@lru_cache(maxsize=1024)
def detail_of(*values: Any) -> str:
    """Return Settings, which many real servers have in common, as people say them."""
    thresholds = limits_in_words(values[_UPPER], values[_LOWER])
    said = _said(*[values[place] for place, _ in _TOLD])
    tunnel = tunnel_in_words(*values[_TUNNEL]) if any(values[_TUNNEL]) else ""
    return ", ".join(filter(None, (values[_METHOD], *said, thresholds, tunnel)))


# Of the values of one setting there are few, though real servers differ in several.
@lru_cache(maxsize=4096)
def _said(*values: Any) -> tuple[str, ...]:
    pairs = [(each, value) for (_, each), value in zip(_TOLD, values, strict=True)]
    return tuple(all_said(pairs, PEOPLE))


# Where a setting is among those of a real server: of these there may be as many as real servers.
_UPPER, _LOWER, _TUNNEL, _METHOD = (
    [each.name for each in SETTING_FIELDS[RealServer]].index(name)
    for name in ("upper_threshold", "lower_threshold", "tunnel", "forwarding_method")
)
_TOLD = [
    (place, each)
    for place, each in enumerate(SETTING_FIELDS[RealServer])
    if has_words(each, PEOPLE)
]
