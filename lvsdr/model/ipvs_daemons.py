"""What IPVS has besides its servers: timeouts, and the daemons that synchronise connections."""

from __future__ import annotations

from typing import ClassVar

from lvsdr.model.address import IPAddress, endpoint
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.objects import DAEMONS, SETTINGS, Key, Object


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

    `maxlen` is the UDP payload of a message, in bytes. `source` is the address that one which was
    observed sends from; of one that is wanted, `never_from` are those that it must not send from.
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
    source: IPAddress | None = field(default=None, compare=False, repr=False)
    never_from: frozenset[IPAddress] = field(default=frozenset(), compare=False, repr=False)

    @property
    def key(self) -> Key:
        return (self.kind, self.state)

    @property
    def detail(self) -> str:
        where = f"{endpoint(self.group, self.port)} on {self.link}"
        source = f", from {self.source}" if self.source is not None else ""
        return f"{where}, syncid {self.syncid}, maxlen {self.maxlen}, ttl {self.ttl}{source}"

    @property
    def title(self) -> str:
        return f"sync {self.state}"
