"""Whether many fail at once: then all are asked at once, and those that are dead go together. Pure.

A switch, a rack or a program that runs everywhere has died. Until each has had its own turn clients
would be sent to the dead for another interval, and the record be written again and again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

# So many paths that are taken to serve have to fail within an interval.
MANY = 16
# After so many intervals at the earliest all are asked again: where frames get lost all the time
# there are always many whose last check has failed.
_PAUSE = 5.0


class ManyFailures:
    """Remembers failures for `interval` seconds; `patience` is until when all are decided."""

    def __init__(self, interval: float, patience: float) -> None:
        self._interval, self._patience = interval, patience
        self._failed: deque[tuple[float, int]] = deque()
        self._next = self._until = float("-inf")

    def are_many(self, numbers: Iterable[int], now: float) -> bool:
        """Take it that paths, by their `numbers`, have failed; return whether to ask all of them.

        Of paths that are known not to serve nothing is said here.
        """
        failed = self._failed
        failed.extend((now, number) for number in numbers)
        while failed and failed[0][0] < now - self._interval:
            failed.popleft()
        if now < self._next or len(failed) < MANY or len({n for _, n in failed}) < MANY:
            return False
        self._next, self._until = now + _PAUSE * self._interval, now + self._patience
        return True

    def until(self) -> float:
        """Return when at the latest those that failed are decided since all were asked."""
        return self._until
