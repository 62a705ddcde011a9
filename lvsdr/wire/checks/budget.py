"""How many frames may be sent now: so many a second, and what is too much is owed."""

from __future__ import annotations


class Budget:
    """At most `rate` a second in the long run; one sending may exceed it, the next ones wait."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate, self._left, self._at = rate, 0.0, now

    def spent(self, now: float) -> bool:
        """Return whether more was sent than may be by now."""
        # What was not used for a while is not used later: a switch has only so long a queue.
        self._left = min(self._rate / 50, self._left + (now - self._at) * self._rate)
        self._at = now
        return self._left < 0

    def spend(self, frames: int) -> None:
        """Count frames that are sent."""
        self._left -= frames
