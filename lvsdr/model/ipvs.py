"""The objects of IPVS: virtual servers and their real servers, timeouts, sync daemons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from lvsdr.model.address import IPAddress, endpoint
from lvsdr.model.objects import DAEMONS, DESTINATIONS, SERVICES, SETTINGS, Key, Object

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
class VirtualServer(Object):
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


@dataclass(frozen=True, slots=True)
class RealServer(Numerous, Object):
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

    @property
    def needs(self) -> Key:
        return (VirtualServer.kind, *self.service.key)


@dataclass(frozen=True, slots=True)
class Timeout(Object):
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
class SyncDaemon(Object):
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
