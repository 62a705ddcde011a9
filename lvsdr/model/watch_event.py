"""What `watch` reports about a segment, event by event."""

from __future__ import annotations

from dataclasses import dataclass

from lvsdr.model.address import IPAddress
from lvsdr.model.neighbour_claim import ClaimForm


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened on the segment; `count` of them, where they were too many to tell.

    Of severity error it is an alarm. `host` says whose `mac` it is.
    """

    rule: str
    severity: str
    message: str
    hint: str
    vip: IPAddress | None = None
    mac: str | None = None
    host: str | None = None
    rip: IPAddress | None = None
    form: ClaimForm | None = None
    count: int = 1
