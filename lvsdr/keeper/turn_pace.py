"""How long it is from turn to turn of the checks: the calmer all is, the longer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lvsdr.model.health import Health

# From turn to turn there are at least so many seconds, and at most this part of the least timeout:
# a turn for each check and one for each answer cost several times as much as the checks. Of that it
# is a part while somebody is asked more often, and each question wants its moment.
_REST, _REST_OF_TIMEOUT, _HASTE = 0.03, 0.06, 0.5
# Otherwise it is as many times as long, at most, as it takes until so many checks are due: of few
# checks the turns are most of the cost. While somebody who serves owes us an answer two of them are
# shorter than the midst of a check, so that whatever is heard in a whole one is known to have come
# then. Where nobody does there is nothing to be timed, and one is over before the midst begins of
# a check that is never answered: by then we wait for it.
_WAITING, _CALM, _TOGETHER = 2.0, 5.0, 64


class TurnPace:
    """The seconds from turn to turn of checks by `healths`, one for each that is asked."""

    def __init__(self, healths: Sequence[Health], now: float) -> None:
        least = min(each.timeout for each in healths)
        each_second = sum(1 / each.interval for each in healths)
        self._rest = min(_REST, _REST_OF_TIMEOUT * least)
        together = max(1.0, _TOGETHER / (self._rest * each_second))
        self._waiting = self._rest * min(_WAITING, together)
        self._calm = self._rest * min(_CALM, together)
        self._hasty_until = now

    def hasten(self, timeouts: Iterable[float], now: float) -> None:
        """Take it that somebody is asked more often from now on, until those timeouts are over."""
        self._hasty_until = max(self._hasty_until, now + max(timeouts))

    def rest(self, now: float, *, owed: bool) -> float:
        """Return how many seconds there are until the next turn.

        `owed`: somebody who serves has not answered what he was asked a turn before this one.
        """
        if now < self._hasty_until:
            return self._rest * _HASTE
        return self._waiting if owed else self._calm
