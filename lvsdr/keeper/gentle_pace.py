"""How fast it is worked in a thread beside the loop: most of the time is the loop's.

One interpreter runs one thread at a time, and whoever works in the background takes half of it:
checks that need more than the other half would be late until he has done.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from time import thread_time

# Rest is taken after so many seconds of work, and is so many times as long.
_WORK, _TIMES = 0.002, 3.0


class GentlePace:
    """Rests now and then; `work` tells the seconds that this thread has worked."""

    def __init__(self, work: Callable[[], float] = thread_time) -> None:
        self._work = work
        self._since = 0.0
        self._hurry = Event()

    def __call__(self) -> None:
        """Rest, where it is time to."""
        worked = self._work() - self._since
        if worked >= _WORK:
            self._hurry.wait(_TIMES * worked)
            self._since = self._work()

    def begin(self) -> None:
        """Take it that this thread begins to work."""
        self._since = self._work()

    def hurry(self) -> None:
        """Rest no more: somebody waits for the end."""
        self._hurry.set()
