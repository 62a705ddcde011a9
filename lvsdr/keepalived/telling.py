"""What `lvsdr keepalived notify` and `fifo` tell people, and syslog."""

from __future__ import annotations

import syslog
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from lvsdr.errors import LvsdrError
from lvsdr.keepalived.hook import Outcome
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.printable import printable
from lvsdr.render.keepalived_results import FifoLine, Notified
from lvsdr.render.output_formats import Format
from lvsdr.render.results import Failed, Result


class Teller(Protocol):
    """Tells at once."""

    def outcome(self, outcome: Outcome) -> None: ...
    def line(self, line: str) -> None: ...
    def failed(self, failure: LvsdrError) -> None: ...


class Screen(Protocol):
    """Shows people what is not the result; `format` is the one that was asked for."""

    @property
    def format(self) -> Format: ...
    def tell(self, notes: Iterable[str]) -> None: ...
    def fail(self, failure: LvsdrError) -> int: ...
    def unheard(self, error: OSError) -> None: ...


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells by `say`, line by line, and syslog too where `log` asks for it."""

    screen: Screen
    log: bool
    say: Callable[[str], None]

    def outcome(self, outcome: Outcome) -> None:
        """Tell what became of a notice."""
        notice, report = outcome.notice, outcome.report
        self.screen.tell(report.notes)
        told = Notified(
            notice.type,
            notice.name,
            notice.state,
            outcome.state,
            outcome.reason,
            report.changes,
            report.announced,
        )
        self._print(told)
        self.syslog(f"{told.title}; {len(report.changes)} changes", *report.notes)

    def line(self, line: str) -> None:
        """Tell a line of the FIFO."""
        self._print(FifoLine(line))
        self.syslog(line)

    def failed(self, failure: LvsdrError) -> None:
        """Tell what failed, where the program goes on."""
        if self.screen.format.tells_errors:
            self._print(Failed(failure))
        else:
            self.screen.fail(failure)
        self.syslog(failure.message, *failure.notes, error=True)

    def syslog(self, *lines: str, error: bool = False) -> None:
        """Tell syslog, where there is one: a hook has other things to do than to wait for it."""
        if not self.log:
            return
        syslog.openlog("lvsdr", syslog.LOG_PID, syslog.LOG_DAEMON)
        for line in lines:
            syslog.syslog(syslog.LOG_ERR if error else syslog.LOG_NOTICE, printable(line))

    def _print(self, result: Result) -> None:
        """Print a result as one of many; who does not read misses it."""
        try:
            for line in self.screen.format.output().one_of_many(result):
                self.say(printable(line))
        except OSError as error:
            self.screen.unheard(error)


@dataclass(slots=True)
class ToldLater:
    """Keeps what `teller` is to tell until all is done, for telling may take its time.

    Of what is tried again and again, only what is new is told.
    """

    teller: Teller
    _waiting: list[Callable[[], None]] = field(default_factory=list)
    _failures: set[str] = field(default_factory=set)
    # The notes of a state that waits to be tried again; None where none does.
    _notes: str | None = None

    def something_new(self) -> None:
        """Take what fails or waits from now on for news: something else was said."""
        self._failures.clear()
        self._notes = None

    def outcome(self, outcome: Outcome) -> None:
        """Tell what became of a notice; when it is tried again, only changes and other notes."""
        notes = "\n".join(outcome.report.notes)
        if self._notes is None or outcome.report.changes or notes not in ("", self._notes):
            self._waiting.append(partial(self.teller.outcome, outcome))
        self._notes = notes if outcome.report.waits else None

    def dropped(self, outcome: Outcome) -> None:
        """Tell that a notice was dropped."""
        self._waiting.append(partial(self.teller.outcome, outcome))

    def failed(self, failure: LvsdrError) -> None:
        """Tell a failure, once."""
        if failure.message not in self._failures:
            self._waiting.append(partial(self.teller.failed, failure))
        self._failures.add(failure.message)

    def came_about(self, failure: LvsdrError) -> None:
        """Tell a failure that has come about now, as often as it does."""
        self._waiting.append(partial(self.teller.failed, failure))

    def tell_all(self, lines: Iterable[str], failures: Iterable[LvsdrError]) -> None:
        """Tell `lines` and `failures`, and then what has waited."""
        for line in lines:
            self.teller.line(line)
        for each in failures:
            self.teller.failed(each)
        waiting, self._waiting = self._waiting, []
        for tell in waiting:
            tell()
