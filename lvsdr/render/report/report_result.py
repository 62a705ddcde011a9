"""What `lvsdr report` has found out of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lvsdr.model.late_dataclasses import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from lvsdr.model.address import IPAddress, IPNetwork
    from lvsdr.model.ipvs import RealServer, Service
    from lvsdr.render.results import Status, Verified


@dataclass(frozen=True, slots=True)
class Report:
    """A cluster as a director's profile has it, and as this host sees it; `made`, in UTC.

    `status` is of the director alone; `verified` is None where nothing was asked. `history` is what
    a keeper has told, each line as JSON has it. As a `picture`, people get the drawing alone.
    """

    name: str
    interface: str
    vips: Sequence[IPAddress]
    services: Sequence[Service]
    real_servers: Sequence[RealServer]
    clients: Sequence[IPNetwork]
    gateways: Sequence[IPAddress]
    files: Sequence[str]
    hostname: str
    version: str
    made: datetime
    status: Status | None = None
    verified: Verified | None = None
    history: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()
    picture: bool = False

    @property
    def rips(self) -> tuple[IPAddress, ...]:
        """Return each RIP once, in the order of the profile."""
        return tuple(dict.fromkeys(server.rip for server in self.real_servers))
