"""Checks of real servers that this host knows no way to: nobody is heard there, and that is all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from lvsdr.model.health import CheckResult


class NoWayChecker:
    """Says of each of the numbers in `timeouts`, in seconds, that nothing is heard."""

    def __init__(self, timeouts: Mapping[int, float], why: str) -> None:
        self._timeouts = timeouts
        self._why = why
        self._under_way: dict[int, float] = {}

    def begin(self, numbers: Sequence[int], now: float, *, doubtful: Collection[int] = ()) -> None:
        """Begin to hear nothing."""
        del doubtful
        for number in numbers:
            self._under_way.setdefault(number, now)

    def results(self, now: float) -> Sequence[CheckResult]:
        """Return those whose time is over."""
        over = [each for each, began in self._under_way.items() if now >= self._end(each, began)]
        return [
            CheckResult(
                each, False, self._why, silent=True, began=self._under_way.pop(each), at=now
            )
            for each in over
        ]

    def due(self) -> float | None:
        """Return when the time of the first is over."""
        return min((self._end(*each) for each in self._under_way.items()), default=None)

    def filenos(self) -> Sequence[int]:
        """Return nothing: nothing comes in."""
        return ()

    def void(self) -> None:
        """Let what is under way have no result."""
        self._under_way.clear()

    def close(self) -> None:
        """Give back nothing."""

    def _end(self, number: int, began: float) -> float:
        return began + self._timeouts[number]
