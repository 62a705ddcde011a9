"""What there is to tell of a host in numbers: each profile, the table, and what was proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lvsdr.model.address import IPAddress
from lvsdr.model.client_connections import ClientShares
from lvsdr.model.finding import Finding
from lvsdr.model.health import Down
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.last_apply import LastApply
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.neighbour_claim import Answer
from lvsdr.model.objects import Key
from lvsdr.model.path import Proof
from lvsdr.model.table_state import TableState

# A monitoring system has a series for each real server of a profile up to so many.
MOST_APART = 1000


class Differing(NamedTuple):
    """Which kind of objects differs, and how: missing, different or unwanted."""

    kind: str
    how: str


@dataclass(frozen=True, slots=True)
class ProofFigures:
    """What a verify found: at which time(2), and for whom each MAC stands.

    `silent` is when it was last proven of a VIP that nobody but the director answers for it.
    """

    at: float
    findings: Sequence[Finding]
    answers: frozenset[Answer]
    names: Mapping[str, str]
    paths: Sequence[Proof]
    silent: Mapping[IPAddress, float]


@dataclass(frozen=True, slots=True)
class ProfileFigures:
    """Where a profile stands on this host.

    `applied` is when one last went well, seconds since 1970, None where the record does not know
    it; `last_apply` is how the last one ended, well or not. `differing` counts what an apply would
    change, `drift` what others have changed since the last one. `unreadable` says why the profile
    could not be read or planned: the rest is empty then. `vips` are those that it holds, or not.
    `counts` are how many real servers each service of a director has; `servers` those of them of
    which more is told: of more than MOST_APART those with which something is wrong. Those that are
    `checked`, by their keys, have health checks, and of them those in `down` do not serve.
    """

    role: str
    name: str
    file: str
    applied: int | None = None
    last_apply: LastApply | None = None
    cut_off: bool = False
    unreadable: str = ""
    standby: str = ""
    differing: Mapping[Differing, int] = field(default_factory=dict)
    drift: Mapping[str, int] = field(default_factory=dict)
    vips: Mapping[IPAddress, bool] = field(default_factory=dict)
    counts: Mapping[Service, int] = field(default_factory=dict)
    servers: Sequence[RealServer] = ()
    checked: frozenset[Key] = frozenset()
    drained: frozenset[Key] = frozenset()
    down: Mapping[Key, Down] = field(default_factory=dict)
    clients: Mapping[Key, ClientShares] = field(default_factory=dict)
    proof: ProofFigures | None = None

    @property
    def apart(self) -> bool:
        """Return whether each real server is told of, whether or not anything is wrong with it."""
        return sum(self.counts.values()) <= MOST_APART


@dataclass(frozen=True, slots=True)
class HostFigures:
    """All profiles of a host, when its record was written last (time(2)), and a director's table.

    `record_written` is None where there is no record. Where the host is not `readable`, nothing is
    known of it.
    """

    version: str
    profiles: Sequence[ProfileFigures]
    record_written: float | None = None
    table: TableState | None = None
    readable: bool = True
