"""Who is asked when, and by whom: the checks of many paths, until they are judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lvsdr.keeper.check_targets import Target
from lvsdr.keeper.checker import Asking
from lvsdr.keeper.gateway_witness import GatewayWitness
from lvsdr.keeper.path_states import PathStates, Sight, Turn
from lvsdr.keeper.timetable import Timetable
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.health import CheckResult

# So many checks are begun at once, before it is listened again.
_AT_ONCE = 256
# When in the check of a doubtful path a witness is asked: what is heard in its midst counts.
_MIDST = 0.42
# Of a check that failed the next one comes after this part of the interval.
_SOONER = 0.5
# By so much, in timeouts of the least patient check, we may be late until that counts as absence.
_ABSENT = 1.0


class CheckRounds(Closing):
    """Begins the check of each of `targets` when it is due, and says what changes with them.

    `down` are the numbers of those that are known not to serve, and why.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        askings: Sequence[Asking],
        now: float,
        down: Mapping[int, str] | None = None,
    ) -> None:
        self._targets = targets
        self._askings = askings
        self._by = {number: place for place, it in enumerate(askings) for number in it.numbers}
        self.states = PathStates([each.checked for each in targets], down)
        self._timetable = Timetable([each.health.interval for each in targets], now)
        self._patience = _ABSENT * min(each.health.timeout for each in targets)
        self._witnesses: set[int] = set()
        self._gateways = GatewayWitness()
        # Until when a check is under way at the most: one that proved nothing has no result.
        self._busy = [float("-inf")] * len(targets)
        self._expected: float | None = None
        # Whether the last turn came too late for its checks to mean anything.
        self.late = False

    def filenos(self) -> Sequence[int]:
        """Return the descriptors that ask for a turn once they can be read."""
        return [each for it in self._askings for each in it.checker.filenos()]

    def due(self) -> float | None:
        """Return when a turn is due though there is nothing to be read."""
        checkers = (it.checker.due() for it in self._askings)
        times = (self._timetable.next(), self._gateways.due(), *checkers)
        self._expected = min((each for each in times if each is not None), default=None)
        return self._expected

    def turn(self, now: float) -> list[Turn]:
        """Read what came, begin what is due, and return the paths that change."""
        away = 0.0 if self._expected is None else now - self._expected
        self.late = away > self._patience
        if self.late:
            # Whoever was stopped, or has too much to do, knows nothing of the time between.
            self._forget(now, away)
        for side, at in self._gateways.turn(now).items():
            self.states.heard(side, at)
        turns = self._judged(now)
        self._begin(self._timetable.take(now, _AT_ONCE), now)
        return turns

    def sights(self) -> list[tuple[str, Sight]]:
        """Return on which sides we became blind, or see again, since this was called last."""
        return self.states.sights()

    def close(self) -> None:
        """Give back what the checkers have opened."""
        for each in self._askings:
            each.checker.close()

    def _forget(self, now: float, away: float) -> None:
        for each in self._askings:
            each.checker.void()
        self._witnesses.clear()
        for number, until in enumerate(self._busy):
            if until > now - away:
                # It was under way: what is asked seldom does not wait for its next turn.
                self._busy[number] = now
                self._timetable.bring_forward(number, now)
        # Of a path that is asked seldom the results before a short absence are as good as ever: a
        # host that is late now and then would never come to the end of its count.
        often = (n for n, each in enumerate(self._targets) if each.health.interval <= away)
        self.states.forget_unfinished(often)

    def _judged(self, now: float) -> list[Turn]:
        results = [each for it in self._askings for each in it.checker.results(now)]
        turns = self.states.take(results)
        for result in results:
            self._busy[result.number] = now
            if not result.ok:
                self._sooner(result, now)
        return turns

    def _sooner(self, result: CheckResult, now: float) -> None:
        """Ask again soon, as long as it is not known how it is."""
        number = result.number
        if self.states.is_up(number):
            interval = self._targets[number].health.interval
            self._timetable.bring_forward(number, max(now, result.began + _SOONER * interval))

    def _begin(self, numbers: Iterable[int], now: float) -> None:
        for place, each in self._by_checker(numbers, now).items():
            doubtful = {number for number in each if self._is_doubtful(number, now)}
            self._askings[place].checker.begin(each, now, doubtful=doubtful)

    def _by_checker(self, numbers: Iterable[int], now: float) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for number in numbers:
            if self._busy[number] <= now:
                self._busy[number] = now + self._targets[number].health.timeout
                found.setdefault(self._by[number], []).append(number)
        return found

    def _is_doubtful(self, number: int, now: float) -> bool:
        """Return whether a path is to be asked more often; see to it that it has a witness."""
        if number in self._witnesses:
            self._witnesses.discard(number)
            return True
        if not (self.states.is_up(number) and self.states.is_doubtful(number)):
            return False
        target, other = self._targets[number], self.states.witness(number)
        gateway = self._askings[self._by[number]].gateway
        if other is not None and other not in self._witnesses:
            self._witnesses.add(other)
            self._timetable.bring_forward(other, now + _MIDST * target.health.timeout)
        # Whoever is down may have been heard last, long ago: the last one of all is alone.
        alone = other is None or not self.states.is_up(other)
        if alone and gateway is not None and target.is_near:
            self._gateways.call(target.side, gateway, now, target.health.timeout)
        return True
