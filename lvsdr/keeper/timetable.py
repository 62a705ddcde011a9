"""When each check is due: spread evenly over the interval, without drifting. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

# The golden ratio spreads any number of checks evenly, and neighbours in the list far apart.
_APART = 0.6180339887498949


class Timetable:
    """When the check of each number is due, every `intervals[number]` seconds from `start` on.

    Times are those of one clock, such as monotonic(3). A check that came late does not move those
    after it; where whole turns were missed, they are not made up for. One that is brought forward
    is one more: else all that were so at once would be due at once from then on.
    """

    def __init__(self, intervals: Sequence[float], start: float) -> None:
        self._intervals = intervals
        self._due = [
            start + (number * _APART % 1.0) * interval for number, interval in enumerate(intervals)
        ]
        # By the interval alone, whatever was brought forward.
        self._regular = list(self._due)
        # What was brought forward stands in it twice; the one in `_due` counts.
        self._queue = [(due, number) for number, due in enumerate(self._due)]
        heapify(self._queue)

    def next(self) -> float | None:
        """Return when the next check is due, None where there is none."""
        queue = self._queue
        while queue and queue[0][0] != self._due[queue[0][1]]:
            heappop(queue)
        return queue[0][0] if queue else None

    def take(self, now: float, most: int) -> list[int]:
        """Return at most `most` numbers whose checks are due, each planned again for later."""
        taken: list[int] = []
        queue, due, regular = self._queue, self._due, self._regular
        while queue and queue[0][0] <= now and len(taken) < most:
            when, number = heappop(queue)
            if when != due[number]:
                continue
            following = regular[number]
            if following <= now:
                interval = self._intervals[number]
                following += interval
                if following <= now:
                    following = now + interval
                regular[number] = following
            due[number] = following
            heappush(queue, (following, number))
            taken.append(number)
        return taken

    def bring_forward(self, number: int, when: float) -> None:
        """Let a check be due at `when`, if it is not due before."""
        if when < self._due[number]:
            self.put(number, when)

    def put(self, number: int, when: float) -> None:
        """Let the next check be due at `when`, whatever was planned."""
        self._due[number] = when
        heappush(self._queue, (when, number))

    def late(self, now: float) -> float:
        """Return for how many seconds the check that is due first has been due; 0 if it is not."""
        due = self.next()
        return 0.0 if due is None else max(0.0, now - due)
