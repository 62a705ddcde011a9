"""What `watch` reports about a segment, event by event."""

from __future__ import annotations

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import remedies
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.neighbour_claim import ClaimForm


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened on the segment, or `count` like it, where there were too many.

    An event of severity error is an alarm. `host` is a name for the host of `mac`. `hint`, `look`
    and `on` are the remedy, as a Finding has them.
    """

    rule: str
    severity: str
    message: str
    hint: str = ""
    vip: IPAddress | None = None
    mac: str | None = None
    host: str | None = None
    rip: IPAddress | None = None
    form: ClaimForm | None = None
    count: int = 1
    look: str = ""
    on: str = ""

    @property
    def remedies(self) -> tuple[tuple[str, str], ...]:
        """Return each remedy as people read it, after its word: hint or look."""
        return remedies(self.hint, self.look, self.on)
