"""Who is asked when, and by whom: the checks of many paths, until they are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from lvsdr.keeper.check_targets import Target
from lvsdr.keeper.checker import Asking
from lvsdr.keeper.gateway_witness import GatewayWitness
from lvsdr.keeper.many_failures import MANY, ManyFailures
from lvsdr.keeper.path_states import PathStates, Sight, Turn
from lvsdr.keeper.timetable import Timetable
from lvsdr.keeper.turn_pace import TurnPace
from lvsdr.model.address import IPAddress
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.health import CheckResult
from lvsdr.model.objects import Key

# So many checks are begun at once, before it is listened again.
_AT_ONCE = 256
# When in the check of a doubtful path a witness is asked: what is heard in its midst counts.
_MIDST = 0.42
# Of a check that failed the next one comes after this part of the interval: of one that was silent
# until its timeout, and of one whose failure was heard, for which nobody has to wait.
_SOONER, _SOONER_HEARD = 0.5, 0.25
# Where many fail it is known of each by then: in timeouts, and parts of an interval, since all were
# asked; in seconds at most, as who is known to be dead waits for the others.
_DECIDED, _DECIDED_AT_MOST = 2.0, 1.5
# By so much, in timeouts of the least patient check, we may be late until that counts as absence.
_ABSENT = 1.0


class CheckRounds(Closing):
    """Begins the check of each of `targets` when it is due, and says what changes with them.

    `down` are the numbers of those that are known not to serve, and why. By `clock` it is seen that
    this process itself was stopped while it waited; what takes long here is no such absence, as
    answers lie in the sockets meanwhile, and whoever is silent is asked all its questions.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        askings: Sequence[Asking],
        now: float,
        down: Mapping[int, str] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.targets = targets
        self._clock = clock
        self._askings = askings
        self._by = {number: place for place, it in enumerate(askings) for number in it.numbers}
        self.states = PathStates([each.checked for each in targets], down)
        self._timetable = Timetable([each.health.interval for each in targets], now)
        least = min(each.health.timeout for each in targets)
        self._patience = _ABSENT * least
        self._pace = TurnPace([each.health for each in targets], now)
        longest = max(each.health.timeout for each in targets)
        interval = min(each.health.interval for each in targets)
        decided = _DECIDED * longest + _SOONER_HEARD * interval
        self._many = ManyFailures(interval, min(decided, _DECIDED_AT_MOST))
        # Whose last check has failed, and who is taken to serve all the same.
        self._undecided: set[int] = set()
        self._witnesses: set[int] = set()
        self._gateways = GatewayWitness()
        self._neighbours: dict[IPAddress, list[int]] = {}
        for number, each in enumerate(targets):
            self._neighbours.setdefault(each.path.rip, []).append(number)
        # Until when a check is under way at the most: one that proved nothing has no result.
        self._busy = [float("-inf")] * len(targets)
        self._under_way: set[int] = set()
        # What is waited for, since when; not longer than a turn of ours, or others', begins.
        self._expected: float | None = None
        self._waits_since: float | None = now
        self._away = 0.0
        # What is read in a turn came after the one before it.
        self._read = self._next = now
        # Whether the last turn came too late for its checks to mean anything.
        self.late = False

    def filenos(self) -> Sequence[int]:
        """Return the descriptors that ask for a turn once they can be read.

        Where many are asked what comes is read in turns, at the time of which others are begun.
        """
        asked = [it for it in self._askings if not (it.patient and self._under_way)]
        return [each for it in asked for each in it.checker.filenos()]

    def due(self) -> float | None:
        """Return when a turn is due though there is nothing to be read."""
        if self._clock is not None:
            self._wait(self._clock())
        checkers = (it.checker.due() for it in self._askings)
        soon = self._next if self._under_way else None
        times = (self._timetable.next(), self._gateways.due(), soon, *checkers)
        first = min((each for each in times if each is not None), default=None)
        self._expected = None if first is None else max(first, self._next)
        return self._expected

    def turn(self, now: float) -> list[Turn]:
        """Read what came, begin what is due, and return the paths that change."""
        self._wait(now)
        away, self._away = self._away, 0.0
        self.late = away > self._patience
        if self.late:
            # Whoever was stopped, or has too much to do, knows nothing of the time between.
            self._forget(now, away)
        for side, at in self._gateways.turn(now).items():
            self.states.heard(side, at, since=self._read)
        turns = self._judged(now)
        self._read = now
        self._under_way = {each for each in self._under_way if self._busy[each] > now}
        owed = bool(self._undecided) or any(map(self.states.is_up, self._under_way))
        begun = self._timetable.take(now, _AT_ONCE)
        self._begin(begun, now)
        rest = 0.0 if len(begun) == _AT_ONCE else self._pace.rest(now, owed=owed)
        self._next = now + rest
        self._waits_since = None if self._clock is not None else now
        return turns

    def decided_by(self) -> float:
        """Return until when it is worth to wait for the results of many that have just failed."""
        return self._many.until() if len(self._undecided) >= MANY else float("-inf")

    def sights(self) -> list[tuple[str, Sight]]:
        """Return on which sides we became blind, or see again, since this was called last."""
        return self.states.sights()

    def failing(self) -> dict[Key, str]:
        """Return which real servers do not serve on one of their paths, and why."""
        return {self.targets[number].key: why for number, why in self.states.down().items()}

    def still_down(self, others: Sequence[Target]) -> dict[int, str]:
        """Return which of `others` are paths that do not serve here, by their places, and why."""
        down = self.states.down().items()
        before = {(self.targets[n].key, self.targets[n].path.vip): why for n, why in down}
        found = {n: before.get((it.key, it.path.vip)) for n, it in enumerate(others)}
        return {number: why for number, why in found.items() if why is not None}

    def close(self) -> None:
        """Give back what the checkers have opened."""
        for each in self._askings:
            each.checker.close()

    def _wait(self, now: float) -> None:
        """Note for how much longer than was to be we have waited."""
        if self._waits_since is not None and self._expected is not None:
            self._away = max(self._away, now - max(self._expected, self._waits_since))
        self._waits_since = now

    def _forget(self, now: float, away: float) -> None:
        for each in self._askings:
            each.checker.void()
        self._witnesses.clear()
        self._undecided.clear()
        for number, until in enumerate(self._busy):
            if until > now - away:
                # It was under way: what is asked seldom does not wait for its next turn.
                self._busy[number] = now
                self._timetable.bring_forward(number, now)
        # Of a path that is asked seldom the results before a short absence are as good as ever: a
        # host that is late now and then would never come to the end of its count.
        often = (n for n, each in enumerate(self.targets) if each.health.interval <= away)
        self.states.forget_unfinished(often)

    def _judged(self, now: float) -> list[Turn]:
        results = [each for it in self._askings for each in it.checker.results(now)]
        turns = self.states.take(results, self._read)
        changed = {each.number for each in turns}
        failed = list[int]()
        for result in results:
            number = result.number
            self._busy[number] = now
            self._undecided.discard(number)
            # Of one that is known to be down nothing new is heard.
            if not result.ok and (number in changed or self.states.is_up(number)):
                self._sooner(result, now)
                failed.append(number)
        if failed:
            self._undecided.update(filter(self.states.is_up, failed))
            if self._many.are_many(failed, now):
                self._ask_all(failed, now)
        return turns

    def _ask_all(self, failed: Iterable[int], now: float) -> None:
        """Ask all who serve on the sides of those that `failed`, whoever's turn it is."""
        sides = {self.targets[number].side for number in failed}
        for number, each in enumerate(self.targets):
            if each.side in sides and self.states.is_up(number) and number not in self._undecided:
                self._timetable.bring_forward(number, now)

    def _sooner(self, result: CheckResult, now: float) -> None:
        """Ask again soon, as long as it is not known how it is; and what else is on that host."""
        number = result.number
        for other in self._neighbours[self.targets[number].path.rip]:
            if self.states.is_up(other) and not self.states.is_doubtful(other):
                self._timetable.bring_forward(other, now)
        if self.states.is_up(number):
            part = _SOONER if result.silent else _SOONER_HEARD
            pause = part * self.targets[number].health.interval
            # Not before either: two questions at about the same time are one.
            self._timetable.put(number, max(now, result.began + pause))

    def _begin(self, numbers: Iterable[int], now: float) -> None:
        for place, each in self._by_checker(numbers, now).items():
            doubtful = {number for number in each if self._is_doubtful(number, now)}
            if doubtful:
                self._pace.hasten((self.targets[it].health.timeout for it in doubtful), now)
            self._askings[place].checker.begin(each, now, doubtful=doubtful)

    def _by_checker(self, numbers: Iterable[int], now: float) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for number in numbers:
            if self._busy[number] <= now:
                self._busy[number] = now + self.targets[number].health.timeout
                self._under_way.add(number)
                found.setdefault(self._by[number], []).append(number)
        return found

    def _is_doubtful(self, number: int, now: float) -> bool:
        """Return whether a path is to be asked more often; see to it that it has a witness."""
        if number in self._witnesses:
            self._witnesses.discard(number)
            return True
        if not (self.states.is_up(number) and self.states.is_doubtful(number)):
            return False
        target, other = self.targets[number], self.states.witness(number)
        gateway = self._askings[self._by[number]].gateway
        if other is not None and other not in self._witnesses:
            self._witnesses.add(other)
            self._timetable.bring_forward(other, now + _MIDST * target.health.timeout)
        # Whoever is down may have been heard last, long ago: the last one of all is alone.
        alone = other is None or not self.states.is_up(other)
        if alone and gateway is not None and target.is_near:
            self._gateways.call(target.side, gateway, now, target.health.timeout)
        return True
