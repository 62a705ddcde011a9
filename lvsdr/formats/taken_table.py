"""An IPVS table as another tool makes it, whatever of it a profile can say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import Service
from lvsdr.model.ipvs_tunnel import IPIP_TUNNEL, Tunnel
from lvsdr.model.late_dataclasses import dataclass, field


@dataclass(slots=True)
class TakenReal:
    """A real server; `line` is where it stands in its file, 0 where it is in none."""

    rip: IPAddress
    port: int
    line: int = 0
    weight: int = 1
    method: str = "dr"
    upper: int = 0
    lower: int = 0
    tunnel: Tunnel = IPIP_TUNNEL

    @property
    def place(self) -> tuple[IPAddress, int]:
        return self.rip, self.port


@dataclass(slots=True)
class TakenService:
    """A virtual server and its real servers, by place.

    `prefix` is the length of the clients' network that sticks together, None for one client;
    `mask` is there where it is no prefix. `checks` are its own fields of health (None for none),
    where `own_checks` is true.
    """

    service: Service
    line: int = 0
    scheduler: str = "wlc"
    persistence: int | None = None
    prefix: int | None = None
    mask: str = ""
    one_packet: bool = False
    flags: int = 0
    engine: str | None = None
    reals: dict[tuple[IPAddress, int], TakenReal] = field(default_factory=dict)
    sorry: TakenReal | None = None
    own_checks: bool = False
    checks: Mapping[str, Any] | None = None


@dataclass(slots=True)
class TakenTable:
    """A whole table; `file` says where it is from, as people read it.

    `daemons` are the entries of sync daemons by their state, `timeouts` seconds by protocol, and
    `sysctls` settings of IPVS by name, each as a profile has it.
    """

    file: str
    services: dict[Service, TakenService] = field(default_factory=dict)
    timeouts: dict[str, int] = field(default_factory=dict)
    daemons: dict[str, dict[str, Any]] = field(default_factory=dict)
    sysctls: dict[str, int | str] = field(default_factory=dict)
    checks: Mapping[str, Any] | None = None
