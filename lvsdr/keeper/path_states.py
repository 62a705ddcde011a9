"""Who serves and who does not: what follows from the results of checks. Pure.

A check that was answered, whatever the answer, proves that we see; silence proves nothing by
itself. The cable, a router or this very host may be what does not work, for a while. So the silent
are held against the others on the same side of us, behind the same link or router: who was asked
again and again while somebody else there was heard, and says nothing, is down. An outage that
covers all the questions of a check cannot have let an answer through in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

from lvsdr.model.health import CheckResult
from lvsdr.model.late_dataclasses import dataclass

# How much of a check has to be over before an answer of somebody else counts: one that was on its
# way already when an outage began came later than the first question that it swallowed.
_ON_THE_WAY = 0.1
# How many checks in a row, after the last that was allowed to fail, nobody is heard in, until we
# call ourselves blind: those that were to be heard may be asked at other times.
_BLIND_AFTER = 2


class Sight(Enum):
    """What has come about with one side of us."""

    BLIND = "nobody is heard there any more"
    SEES = "somebody is heard there again"


@dataclass(frozen=True, slots=True)
class Checked:
    """What is checked by one number: how many checks in a row have to fail, or to succeed.

    `side` is the link, or the router on it, behind which it is.
    """

    fall: int
    rise: int
    side: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A path that serves again, or does not any more, for `why`."""

    number: int
    up: bool
    why: str = ""


@dataclass(slots=True)
class _Path:
    """What is known of one path: how many results in a row were against its state, and why."""

    up: bool = True
    against: int = 0
    why: str = ""


@dataclass(slots=True)
class _Side:
    """When somebody was heard there last, and of whom; since when nobody is, if we are blind."""

    heard: float = float("-inf")
    last: int | None = None
    before: int | None = None
    blind_since: float | None = None


class PathStates:
    """The states of paths, by their numbers, which are their places in `checked`.

    In the beginning all are taken to serve, but for those that are `down`, with the reason.
    """

    def __init__(self, checked: Sequence[Checked], down: Mapping[int, str] | None = None) -> None:
        self._checked = checked
        self._paths = [_Path() for _ in checked]
        for number, why in (down or {}).items():
            self._paths[number] = _Path(up=False, why=why)
        self._sides = {each.side: _Side() for each in checked}
        self._sights: list[tuple[str, Sight]] = []

    def take(self, results: Sequence[CheckResult]) -> list[Turn]:
        """Return the paths that change with `results`."""
        for result in results:
            if not result.silent:
                self.heard(self._checked[result.number].side, result.at, result.number)
        return [turn for result in results for turn in self._after(result)]

    def heard(self, name: str, at: float, number: int | None = None) -> None:
        """Take note that a path, or somebody else on that side, was heard at `at`."""
        side = self._sides[name]
        if number is not None and number != side.last:
            side.last, side.before = number, side.last
        side.heard = max(side.heard, at)
        if side.blind_since is not None and at > side.blind_since:
            side.blind_since = None
            self._count_again(name)
            self._sights.append((name, Sight.SEES))

    def sights(self) -> list[tuple[str, Sight]]:
        """Return on which sides we became blind, or see again, since this was called last."""
        told, self._sights = self._sights, []
        return told

    def forget_unfinished(self) -> None:
        """Count from the beginning again: we have been away, or deaf, for a while."""
        for side in self._sides:
            self._count_again(side)

    def down(self) -> dict[int, str]:
        """Return the numbers of the paths that do not serve, and why."""
        return {number: path.why for number, path in enumerate(self._paths) if not path.up}

    def is_up(self, number: int) -> bool:
        return self._paths[number].up

    def is_doubtful(self, number: int) -> bool:
        """Return whether the last check was against what it is taken for."""
        return self._paths[number].against > 0

    def witness(self, number: int) -> int | None:
        """Return another path of the same side that was heard, to be asked beside this one."""
        side = self._sides[self._checked[number].side]
        return side.before if side.last == number else side.last

    @property
    def blind(self) -> tuple[str, ...]:
        """Return the sides on which nobody is heard."""
        return tuple(name for name, it in self._sides.items() if it.blind_since is not None)

    def _after(self, result: CheckResult) -> Iterator[Turn]:
        path, each = self._paths[result.number], self._checked[result.number]
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
        if path.against >= each.fall and self._is_its_own(result, path, each):
            path.up, path.against = False, 0
            yield Turn(result.number, up=False, why=path.why)

    def _is_its_own(self, result: CheckResult, path: _Path, each: Checked) -> bool:
        """Return whether it is the path that fails, and not our sight."""
        if not result.silent:
            return True
        side = self._sides[each.side]
        if side.heard > result.began + _ON_THE_WAY * (result.at - result.began):
            return True
        if path.against >= each.fall + _BLIND_AFTER - 1 and side.blind_since is None:
            side.blind_since = result.at
            self._sights.append((each.side, Sight.BLIND))
        return False

    def _count_again(self, name: str) -> None:
        """Let no failure count that may have been ours."""
        for path, each in zip(self._paths, self._checked, strict=True):
            if each.side == name:
                path.against = 0
