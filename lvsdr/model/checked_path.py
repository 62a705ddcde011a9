"""What a checker is told of each real server: by which path, with what question, how patiently."""

from __future__ import annotations

from lvsdr.model.health import Check, PathCheck
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.path import Path, RealServerRoute


@dataclass(frozen=True, slots=True)
class CheckedPath:
    """The check of the real server `number`: `check`, along `path`, whose packets go by `route`.

    `timeout` is in seconds; until it is over a silent real server is asked several times.
    """

    number: int
    path: Path
    route: RealServerRoute
    check: Check = PathCheck()
    timeout: float = 0.5
