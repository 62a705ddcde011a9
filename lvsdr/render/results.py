"""What a command has found or done: the results, each shown in every format that takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lvsdr.model.late_dataclasses import dataclass
from lvsdr.render.exported_files import Exported
from lvsdr.render.imported_profiles import ImportedProfiles
from lvsdr.render.keep_line import KeepLine
from lvsdr.render.keepalived_results import ConfFindings, FifoLine, KeepalivedStatus, Notified
from lvsdr.render.report.report_result import Report

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from lvsdr.errors import LvsdrError
    from lvsdr.model.address import IPAddress
    from lvsdr.model.change import Kept, Plan
    from lvsdr.model.client_connections import ConnectionsSeen
    from lvsdr.model.counters import Standing
    from lvsdr.model.explanation import Explanation
    from lvsdr.model.finding import Finding
    from lvsdr.model.folded_servers import FoldedServers
    from lvsdr.model.last_apply import LastApply
    from lvsdr.model.metric import Gauge
    from lvsdr.model.neighbour_claim import Answer
    from lvsdr.model.objects import Object
    from lvsdr.model.path import Proof
    from lvsdr.model.profile import Profile
    from lvsdr.model.rehearsal_step import Step
    from lvsdr.model.service_proof import ClientPlace, ServiceProof
    from lvsdr.model.silence import Silence
    from lvsdr.model.table_state import TableState
    from lvsdr.model.told_neighbour import ToldNeighbour
    from lvsdr.model.watch_event import Event
    from lvsdr.render.object_rows import AppliedProfile, Row


@dataclass(frozen=True, slots=True)
class Planned:
    """What `apply` would change; `drift` is what others have done since: how lvsdr left it, now.

    `foreign` are servers of the profile's VIPs that no profile names. `standby` is BACKUP or FAULT
    where keepalived says so: a standby's plan then. `silences` fall silent on ARP. `kept`: adopted.
    """

    changes: Plan
    drift: Plan
    foreign: Sequence[Object] = ()
    standby: str = ""
    silences: Sequence[Silence] = ()
    kept: Sequence[Kept] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """What was changed, by `apply` or `withdraw`, and the VIPs that the segment was told of.

    `kept` is adopted, or was let go of and is not what it was before. `silences` were told before.
    Real servers that are `gone` went with their virtual servers, before all that is in `changes`.
    """

    changes: Plan
    announced: Sequence[IPAddress] = ()
    kept: Sequence[Kept] = ()
    silences: Sequence[Silence] = ()
    gone: Sequence[FoldedServers] = ()


@dataclass(frozen=True, slots=True)
class Announced:
    """The VIPs that the segment was told of, and the neighbours that were told one by one."""

    vips: Sequence[IPAddress]
    neighbours: Sequence[ToldNeighbour] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """Each object of a profile as it should be and as it is; `drift`, `standby` as of Planned.

    `seen` are the connections that were looked at; `table` is a director's. `last_apply` may have
    failed.
    """

    rows: Sequence[Row]
    drift: Plan
    standby: str = ""
    seen: ConnectionsSeen | None = None
    table: TableState | None = None
    last_apply: LastApply | None = None


@dataclass(frozen=True, slots=True)
class AppliedProfiles:
    """What the record of this host knows: each profile, and what it holds."""

    profiles: Sequence[AppliedProfile]


@dataclass(frozen=True, slots=True)
class Drained:
    """How a drain ended: `state` is restored, waiting or drained."""

    rip: str
    state: str
    changes: Plan
    left: Sequence[Standing]
    obstacles: Sequence[str]


@dataclass(frozen=True, slots=True)
class Verified:
    """What is wrong, who answered, what the paths are like; `names` say whose a MAC is.

    `foreign` and `standby` are as of Planned. `services` were asked as a client of `client`, None
    where this host is none. `notes` are what people have to know though nothing may be wrong.
    """

    findings: Sequence[Finding]
    answers: frozenset[Answer]
    names: Mapping[str, str]
    paths: Sequence[Proof]
    foreign: Sequence[Object] = ()
    standby: str = ""
    services: Sequence[ServiceProof] = ()
    client: ClientPlace | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What each file holds, and where they disagree."""

    profiles: Mapping[Path, Profile]
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Explained:
    """What each link would answer on ARP, and why."""

    links: Sequence[Explanation]


@dataclass(frozen=True, slots=True)
class SegmentEvent:
    """What happened on the segment; `when`, in UTC."""

    event: Event
    when: datetime


@dataclass(frozen=True, slots=True)
class Scenarios:
    """What can be rehearsed by name, and what each is about."""

    known: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step of a rehearsal, while the next ones are to come: for people."""

    step: Step


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """All steps of a rehearsal, at its end."""

    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Measured:
    """Where this host stands, in numbers."""

    gauges: Sequence[Gauge]


@dataclass(frozen=True, slots=True)
class Failed:
    """Why the command could not do it: for formats that tell errors."""

    failure: LvsdrError


Result = (
    Planned
    | Applied
    | Announced
    | Status
    | AppliedProfiles
    | Drained
    | Verified
    | Checked
    | ConfFindings
    | ImportedProfiles
    | Explained
    | SegmentEvent
    | Scenarios
    | StepDone
    | Rehearsed
    | Notified
    | FifoLine
    | KeepalivedStatus
    | KeepLine
    | Measured
    | Report
    | Exported
    | Failed
)
