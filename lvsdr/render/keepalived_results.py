"""What the commands about keepalived have found or done, each shown in every format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lvsdr.model.late_dataclasses import dataclass

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.model.change import Plan
    from lvsdr.model.finding import Finding
    from lvsdr.model.keepalived_states import InstanceState, ServerState


@dataclass(frozen=True, slots=True)
class ConfFindings:
    """What is wrong with keepalived.conf."""

    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Notified:
    """What keepalived said of an instance, and what was done about it.

    `followed` is the state that was carried out, None where the notice was dropped.
    """

    type: str
    name: str
    state: str
    followed: str | None
    reason: str
    changes: Plan
    announced: Sequence[IPAddress]

    @property
    def title(self) -> str:
        """Return what was said and what became of it, in one line."""
        said = f"{self.type} {self.name} {self.state}: {self.followed or 'dropped'}"
        return f"{said} ({self.reason})" if self.reason else said


@dataclass(frozen=True, slots=True)
class FifoLine:
    """A line of keepalived's FIFO."""

    line: str


@dataclass(frozen=True, slots=True)
class KeepalivedStatus:
    """What keepalived said last of its instances, and of the servers that it checks."""

    instances: Sequence[InstanceState]
    servers: Sequence[ServerState]
