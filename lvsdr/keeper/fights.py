"""Who undoes what is repaired, again and again: left to him, and tried again ever more rarely.

Two programs that both want the last word harm clients more than either of them. Pure: times are
those of a monotonic clock, in seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.objects import Key

# So many repairs of an object within so many seconds, and it differs again: that is a fight.
MOST, WITHIN = 3, 60.0
# How long it is left at first, and at most; each time it was in vain, twice as long.
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0
# An object that has stayed for so long is fought about no more.
PEACE = 60.0


@dataclass(slots=True)
class Fight:
    """What is known of one object: when it was repaired, and how long it is left.

    `until` is None as long as nobody fights about it. `seen` is when it differed last.
    """

    repairs: list[float] = field(default_factory=list)
    pause: float = 0.0
    until: float | None = None
    seen: float = 0.0


class Fights:
    """What is known of each object that was repaired of late, by its key."""

    def __init__(self) -> None:
        self._known: dict[Key, Fight] = {}

    def begun(self, differing: Iterable[Key], now: float) -> list[Key]:
        """Take it that `differing` are not as they should be; return those to be left from now on.

        Those that were left before, and are tried again in vain, are among them.
        """
        return [key for key in differing if self._differs(key, now)]

    def leaves(self, key: Key, now: float) -> bool:
        """Return whether an object that differs is to be left as it is for now."""
        fight = self._known.get(key)
        return fight is not None and fight.until is not None and now < fight.until

    def repaired(self, keys: Iterable[Key], now: float) -> None:
        """Take it that the objects `keys` were repaired."""
        for key in keys:
            fight = self._known.setdefault(key, Fight())
            fight.repairs = [*fight.repairs, now][-MOST:]
            fight.seen = now

    def over(self, differing: Collection[Key], now: float) -> list[Key]:
        """Return those that were fought about and have stayed for a while, and forget them."""
        calm = [
            key
            for key, fight in self._known.items()
            if key not in differing and now - fight.seen >= PEACE
        ]
        ended = [key for key in calm if self._known[key].until is not None]
        for key in calm:
            del self._known[key]
        return ended

    def pause(self, key: Key) -> float:
        """Return for how long an object is left, in seconds."""
        return self._known[key].pause

    @property
    def under_way(self) -> list[Key]:
        """Return the objects that are fought about."""
        return [key for key, fight in self._known.items() if fight.until is not None]

    def _differs(self, key: Key, now: float) -> bool:
        fight = self._known.get(key)
        if fight is None:
            return False
        fight.seen = now
        if fight.until is None:
            recent = [each for each in fight.repairs if now - each < WITHIN]
            if len(recent) < MOST:
                return False
            fight.pause = FIRST_PAUSE
        elif now < fight.until or not fight.repairs or fight.repairs[-1] < fight.until:
            # It is left still; or was left, and not tried again yet.
            return False
        else:
            fight.pause = min(2 * fight.pause, LONGEST_PAUSE)
        fight.until = now + fight.pause
        return True
