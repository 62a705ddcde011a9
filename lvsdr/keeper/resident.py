"""The loop of a resident: one thread, many parts, each with its turn when it is time to.

A part is what listens, looks or checks. The loop waits for the first of them to be due, or to have
something to read, and gives a turn to those that have.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Protocol

# So long it is waited at most: a part may have forgotten what it waits for.
LONGEST = 60.0


class Part(Protocol):
    """One of the things that a resident does; none of them waits for anything in its turn.

    One with very many descriptors gives that of an epoll(7) of its own.
    """

    def filenos(self) -> Sequence[int]:
        """Return the descriptors that ask for a turn once they can be read."""

    def due(self) -> float | None:
        """Return when it needs a turn, by the clock of the loop; None for at no time."""

    def turn(self, now: float) -> None:
        """Do what is due, and read what can be read; there may be nothing of either."""


class Resident:
    """Gives each of `parts` its turns, in their order, until `over`."""

    def __init__(
        self,
        parts: Sequence[Part],
        over: Callable[[], bool],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._parts = parts
        self._over = over
        self._clock = clock

    def run(self) -> None:
        """Turn until it is over."""
        while not self._over():
            self.once()

    def once(self, longest: float = LONGEST) -> None:
        """Wait until a part has something to do, and let those that have do it."""
        poll = select.poll()
        owners: dict[int, Part] = {}
        for part in self._parts:
            for descriptor in part.filenos():
                owners[descriptor] = part
                poll.register(descriptor, select.POLLIN)
        # Asked once: it is most of what a loop costs. What one part brings about for another, in
        # its turn, the next loop finds.
        times = [part.due() for part in self._parts]
        now = self._clock()
        first = min((due for due in times if due is not None), default=now + longest)
        rest = min(longest, max(0.0, first - now))
        # Rounded up: too early it would turn, and turn again.
        found = poll.poll(int(1000 * rest) + 1 if rest else 0)
        readable = {id(owners[descriptor]) for descriptor, _ in found}
        for part, due in zip(self._parts, times, strict=True):
            if id(part) in readable or (due is not None and due <= self._clock()):
                part.turn(self._clock())
