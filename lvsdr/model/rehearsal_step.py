"""A step of a rehearsal."""

from __future__ import annotations

from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, whether it went well, and what was seen."""

    title: str
    ok: bool
    seen: tuple[str, ...] = ()
