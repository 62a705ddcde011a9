"""Who serves and who does not: what follows from the results of checks. Pure.

A check that was answered, whatever the answer, proves that we see; silence proves nothing by
itself. The cable, a router or this very host may be what does not work, for a while. So a silent
check counts only where somebody else on the same side of us, behind the same link or router, was
heard in its midst: an outage that swallows the first question and the last lets no answer through
in between. An answer that lay unread for a while, as this host was busy, may have come before it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import takewhile
from operator import itemgetter

from lvsdr.model.health import CheckResult
from lvsdr.model.late_dataclasses import dataclass

# Which part of a check is its midst: enough questions are asked before it, and after it, that not
# all of those on the side that an outage leaves open get lost by chance.
_FROM, _TO = 0.35, 0.62
# How many checks in a row of one path nobody is heard in until we call that side blind.
_BLIND_AFTER = 2
# How many times somebody was heard are remembered for each timeout, the longest before now.
_FINELY, _LONG = 64, 2.0


# In place of a side: the programs that check, of which one says nothing.
PROGRAMS = "programs of checks"


class Sight(Enum):
    """What has come about with one side of us."""

    BLIND = "nobody is heard there any more"
    SEES = "somebody is heard there again"


@dataclass(frozen=True, slots=True)
class Checked:
    """What is checked by one number: how many checks in a row have to fail, or to succeed.

    `side` is the link, or the router on it, behind which it is. `timeout` is in seconds. `proves`
    is whether an answer shows that we see; what a program says shows nothing.
    """

    fall: int
    rise: int
    side: str
    timeout: float = 0.5
    proves: bool = True


@dataclass(frozen=True, slots=True)
class Turn:
    """A path that serves again, or does not any more, for `why`."""

    number: int
    up: bool
    why: str = ""


@dataclass(slots=True)
class _Path:
    """What is known of one path: how many results in a row were against its state, and why.

    `unseen` are the silent checks since somebody was heard in the midst of one.
    """

    up: bool = True
    against: int = 0
    why: str = ""
    unseen: int = 0


class _Side:
    """When somebody was heard there, and who last; since when nobody is, if we are blind."""

    def __init__(self, timeouts: Sequence[float]) -> None:
        step = min(timeouts) / _FINELY
        self._step = step
        # Since when it may have come, and when it was read.
        self._times: deque[tuple[float, float]] = deque(
            maxlen=int(_LONG * max(timeouts) / step) + 1
        )
        self.last: int | None = None
        self.before: int | None = None
        self.blind_since: float | None = None

    def hear(self, since: float, at: float) -> None:
        """Take note of an answer; of many at about the same time the first will do."""
        times = self._times
        if not times or at >= times[-1][1] + self._step:
            times.append((since, at))
        elif at < times[-1][1] - self._step:
            # One that is told of later than others; the oldest goes for it.
            ordered = sorted((*times, (since, at)), key=itemgetter(1))
            self._times = deque(ordered, maxlen=times.maxlen)

    def heard_between(self, begin: float, end: float) -> bool:
        """Return whether an answer came then, and neither before nor after it."""
        # Where nobody is heard any more each silent check asks: the newest answer says it.
        later = takewhile(lambda heard: heard[1] > begin, reversed(self._times))
        return any(begin < since and at < end for since, at in later)

    def heard_after(self, begin: float) -> bool:
        return bool(self._times) and self._times[-1][1] > begin


class PathStates:
    """The states of paths, by their numbers, which are their places in `checked`.

    In the beginning all are taken to serve, but for those that are `down`, with the reason.
    """

    def __init__(self, checked: Sequence[Checked], down: Mapping[int, str] | None = None) -> None:
        self._checked = checked
        self._paths = [_Path() for _ in checked]
        for number, why in (down or {}).items():
            self._paths[number] = _Path(up=False, why=why)
        timeouts: dict[str, set[float]] = {}
        for each in checked:
            timeouts.setdefault(each.side, set()).add(each.timeout)
        self._sides = {name: _Side(sorted(each)) for name, each in timeouts.items()}
        self._sights: list[tuple[str, Sight]] = []
        # Whose programs say nothing.
        self._mute: set[int] = set()

    def take(self, results: Sequence[CheckResult], since: float = math.inf) -> list[Turn]:
        """Return the paths that change with `results`.

        Answers among them were read when they say, and may have come at any time `since` then.
        """
        for result in results:
            each = self._checked[result.number]
            if each.proves and not result.silent:
                self.heard(each.side, result.at, result.number, since)
        return [turn for result in results for turn in self._after(result)]

    def heard(
        self, name: str, at: float, number: int | None = None, since: float = math.inf
    ) -> None:
        """Take note that a path, or somebody else on that side, was heard at `at`, or `since`."""
        side = self._sides[name]
        if number is not None and number != side.last:
            side.last, side.before = number, side.last
        side.hear(min(since, at), at)
        if side.blind_since is not None and at > side.blind_since:
            side.blind_since = None
            self._sights.append((name, Sight.SEES))

    def sights(self) -> list[tuple[str, Sight]]:
        """Return on which sides we became blind, or see again, since this was called last."""
        told, self._sights = self._sights, []
        return told

    def forget_unfinished(self, numbers: Iterable[int]) -> None:
        """Count those from the beginning again: we have been away, or deaf, for a while."""
        for number in numbers:
            path = self._paths[number]
            path.against = path.unseen = 0

    def down(self) -> dict[int, str]:
        """Return the numbers of the paths that do not serve, and why."""
        return {number: path.why for number, path in enumerate(self._paths) if not path.up}

    def is_up(self, number: int) -> bool:
        return self._paths[number].up

    def is_doubtful(self, number: int) -> bool:
        """Return whether the last check was against what it is taken for, or proved nothing."""
        path = self._paths[number]
        return path.against > 0 or path.unseen > 0

    def witness(self, number: int) -> int | None:
        """Return another path of the same side that was heard, to be asked beside this one."""
        side = self._sides[self._checked[number].side]
        return side.before if side.last == number else side.last

    @property
    def blind(self) -> tuple[str, ...]:
        """Return the sides on which nobody is heard."""
        blind = [name for name, it in self._sides.items() if it.blind_since is not None]
        return (*blind, PROGRAMS) if self._mute else tuple(blind)

    @property
    def has_heard(self) -> bool:
        """Return whether anybody was heard so far."""
        return any(side.last is not None for side in self._sides.values())

    def _after(self, result: CheckResult) -> Iterator[Turn]:
        path, each = self._paths[result.number], self._checked[result.number]
        if not each.proves:
            self._note_program(result)
            if result.silent:
                # Neither good nor bad, and so those before it are in no row with what comes.
                path.unseen, path.against = path.unseen + 1, 0
                return
        if result.silent and path.up and not self._counts(result, path, each):
            return
        path.unseen = 0
        if result.ok == path.up:
            path.against = 0
            path.why = path.why if path.up else result.why
            return
        path.against += 1
        if result.ok:
            if path.against >= each.rise:
                path.up, path.against, path.why = True, 0, ""
                yield Turn(result.number, up=True)
            return
        path.why = result.why
        if path.against >= each.fall:
            path.up, path.against = False, 0
            yield Turn(result.number, up=False, why=path.why)

    def _note_program(self, result: CheckResult) -> None:
        """Note whether a program says something; what says nothing may do so for all of them."""
        before = bool(self._mute)
        if result.silent:
            self._mute.add(result.number)
        else:
            self._mute.discard(result.number)
        if bool(self._mute) != before:
            self._sights.append((PROGRAMS, Sight.SEES if before else Sight.BLIND))

    def _counts(self, result: CheckResult, path: _Path, each: Checked) -> bool:
        """Return whether somebody was heard in the midst of a silent check."""
        side, took = self._sides[each.side], result.at - result.began
        if side.heard_between(result.began + _FROM * took, result.began + _TO * took):
            return True
        # Neither good nor bad, and so those before it are in no row with what comes.
        path.unseen, path.against = path.unseen + 1, 0
        nobody = not side.heard_after(result.began)
        if path.unseen >= _BLIND_AFTER and nobody and side.blind_since is None:
            side.blind_since = result.at
            self._sights.append((each.side, Sight.BLIND))
        return False
