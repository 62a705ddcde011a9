"""Checks by programs of the user's: exit code 0 means that the real server serves.

One that cannot be started says nothing of anybody, nor does one that fails while the link on which
it would ask is down.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from lvsdr.errors import CannotRun
from lvsdr.keeper.child_processes import ChildProcesses, Ended
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.health import CheckResult
from lvsdr.model.late_dataclasses import dataclass

AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Command:
    """What to run for one number, all arguments included, and for how many seconds at most.

    `link` is the one on which the real server is reached, empty where that is not known; None where
    this host knows no way there.
    """

    words: tuple[str, ...]
    timeout: float
    link: str | None = ""


class CommandChecker(Closing):
    """Runs the commands of many real servers, at most 32 at once; `runs` tells if a link is up."""

    def __init__(
        self,
        commands: Mapping[int, Command],
        at_once: int = AT_ONCE,
        runs: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._commands, self._runs = commands, runs
        # Whose link was down as theirs was begun.
        self._cut: set[int] = set()
        self._children = ChildProcesses(at_once)
        self._began: dict[int, float] = {}
        self._failed: list[CheckResult] = []

    def begin(self, numbers: Sequence[int], now: float, *, doubtful: Collection[int] = ()) -> None:
        """Start the commands of `numbers`, but for those that still run."""
        for number in numbers:
            if number in self._began:
                continue
            command = self._commands[number]
            self._began[number] = now
            if not self._has_link(number):
                self._cut.add(number)
            try:
                self._children.start(number, command.words, command.timeout, now)
            except CannotRun as refused:
                self._failed.append(self._result(number, now, refused.message, silent=True))

    def results(self, now: float) -> Sequence[CheckResult]:
        """Return the results of those that have ended."""
        failed, self._failed = self._failed, []
        return failed + [self._judged(each, now) for each in self._children.ended(now)]

    def due(self) -> float | None:
        """Return when the first has run for too long."""
        return self._failed[0].at if self._failed else self._children.due()

    def filenos(self) -> Sequence[int]:
        """Return what can be read once a command has ended."""
        return self._children.filenos()

    def void(self) -> None:
        """Let what is under way count for nothing."""
        self._children.close()
        self._began.clear()
        self._cut.clear()
        self._failed.clear()

    def close(self) -> None:
        """Kill what still runs."""
        self._children.close()

    def _judged(self, ended: Ended, now: float) -> CheckResult:
        number = ended.token
        assert isinstance(number, int), "tokens are numbers here"
        if ended.code == 0:
            return self._result(number, now, "")
        if ended.refused:
            return self._result(number, now, ended.refused, silent=True)
        silent = number in self._cut or not self._has_link(number)
        why = f"the command says {ended.code}"
        if ended.late:
            why = "the command took too long"
        elif ended.code is None:
            why = "a signal has ended the command"
        return self._result(number, now, why, silent=silent)

    def _has_link(self, number: int) -> bool:
        link = self._commands[number].link
        return link is not None and (not link or self._runs(link))

    def _result(self, number: int, now: float, why: str, *, silent: bool = False) -> CheckResult:
        self._cut.discard(number)
        return CheckResult(number, not why, why, silent, self._began.pop(number), now)
