"""Checks by programs of the user's: exit code 0 means that the real server serves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from lvsdr.errors import CannotRun
from lvsdr.keeper.child_processes import ChildProcesses, Ended
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.health import CheckResult
from lvsdr.model.late_dataclasses import dataclass

AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Command:
    """What to run for one number, all arguments included, and for how many seconds at most."""

    words: tuple[str, ...]
    timeout: float


class CommandChecker(Closing):
    """Runs the commands of many real servers, at most 32 at once."""

    def __init__(self, commands: Mapping[int, Command], at_once: int = AT_ONCE) -> None:
        self._commands = commands
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
            try:
                self._children.start(number, command.words, command.timeout, now)
            except CannotRun as refused:
                self._failed.append(self._result(number, now, refused.message))

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
        self._failed.clear()

    def close(self) -> None:
        """Kill what still runs."""
        self._children.close()

    def _judged(self, ended: Ended, now: float) -> CheckResult:
        number = ended.token
        assert isinstance(number, int), "tokens are numbers here"
        if ended.code == 0:
            return self._result(number, now, "")
        if ended.late:
            return self._result(number, now, "the command took too long")
        if ended.code is None:
            return self._result(number, now, "a signal has ended the command")
        return self._result(number, now, f"the command says {ended.code}")

    def _result(self, number: int, now: float, why: str) -> CheckResult:
        return CheckResult(number, not why, why, began=self._began.pop(number), at=now)
