"""Whether keepalived is there: what follows from each look at who writes the FIFO."""

from __future__ import annotations

from enum import Enum

from lvsdr.model.late_dataclasses import dataclass, replace

# How many times in a row nobody has the FIFO open for writing until keepalived has gone: not one,
# for at a reload keepalived closes it, and opens it again.
GONE_AFTER = 2
# How many times in a row a keepalived that lives has not, until that is told: it may be starting.
DEAF_AFTER = 3


class Look(Enum):
    """What a look has shown."""

    WRITER = "somebody has the FIFO open for writing"
    LIVES = "nobody has, and a keepalived lives all the same"
    NOBODY = "nobody has, and no keepalived is known to live"


class Turn(Enum):
    """What has come about with a look."""

    CAME_BACK = "keepalived is there again, which had gone"
    STOPPED_BEFORE = "keepalived had gone before this reader began: nobody has read its STOP"
    GONE = "keepalived has gone"
    DEAF = "keepalived lives, and cannot be heard"


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known after some looks: how many in a row there was nobody, or one in vain.

    `missed` is None as long as no look has told whether there is a keepalived.
    """

    missed: int | None = None
    unheard: int = 0

    @property
    def is_in_doubt(self) -> bool:
        """Return whether it matters now if a keepalived lives that has the FIFO not open."""
        return self.missed in (None, GONE_AFTER - 1)

    @property
    def has_gone(self) -> bool:
        """Return whether it is known that there is no keepalived."""
        return (self.missed or 0) >= GONE_AFTER

    def after(self, look: Look) -> tuple[Presence, Turn | None]:
        """Return what is known after one more look, and what has come about with it."""
        if look is Look.WRITER:
            return Presence(missed=0), Turn.CAME_BACK if self.has_gone else None
        if look is Look.LIVES and self.is_in_doubt:
            unheard = self.unheard + 1
            return replace(self, unheard=unheard), Turn.DEAF if unheard == DEAF_AFTER else None
        missed = (self.missed or 0) + 1
        if self.missed is None:
            return Presence(missed), Turn.STOPPED_BEFORE
        return Presence(missed), Turn.GONE if missed == GONE_AFTER else None
