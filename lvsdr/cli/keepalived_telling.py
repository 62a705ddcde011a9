"""What `lvsdr keepalived notify` and `fifo` tell people, and syslog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from lvsdr.cli.session import Session
from lvsdr.errors import LvsdrError
from lvsdr.model.printable import printable
from lvsdr.render.results import Failed, FifoLine, Notified

if TYPE_CHECKING:
    from lvsdr.keepalived.hook import Outcome
    from lvsdr.render.results import Result


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells by `say`, line by line, and syslog too where `log` asks for it."""

    session: Session
    log: bool
    say: Callable[[str], None] = click.echo

    def outcome(self, outcome: Outcome) -> None:
        """Tell what became of a notice."""
        notice, report = outcome.notice, outcome.report
        self.session.tell(report.notes)
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
        if self.session.format.tells_errors:
            self._print(Failed(failure))
        else:
            self.session.fail(failure)
        self.syslog(failure.message, *failure.notes, error=True)

    def syslog(self, *lines: str, error: bool = False) -> None:
        """Tell syslog, where there is one: a hook has other things to do than to wait for it."""
        if not self.log:
            return
        import syslog

        syslog.openlog("lvsdr", syslog.LOG_PID, syslog.LOG_DAEMON)
        for line in lines:
            syslog.syslog(syslog.LOG_ERR if error else syslog.LOG_NOTICE, printable(line))

    def _print(self, result: Result) -> None:
        """Print a result as one of many; who does not read misses it."""
        try:
            for line in self.session.format.output().one_of_many(result):
                self.say(printable(line))
        except OSError as error:
            self.session.unheard(error)
