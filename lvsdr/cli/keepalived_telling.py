"""What `lvsdr keepalived notify` and `fifo` tell people, and syslog."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from lvsdr.cli.session import Session
from lvsdr.errors import LvsdrError
from lvsdr.model.printable import printable

if TYPE_CHECKING:
    from lvsdr.keepalived.hook import Outcome
    from lvsdr.render.json_documents import Document


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells by `say`, line by line, and syslog too where `log` asks for it."""

    session: Session
    log: bool
    say: Callable[[str], None] = click.echo

    def outcome(self, outcome: Outcome) -> None:
        """Tell what became of a notice."""
        from lvsdr.render import json_documents, text

        notice, report = outcome.notice, outcome.report
        self.session.tell(report.notes)
        title = f"{notice}: {outcome.state or 'dropped'}"
        title += f" ({outcome.reason})" if outcome.reason else ""
        done = text.applied(report.changes, report.announced) if outcome.state else ()
        told = {"type": notice.type, "name": notice.name, "state": notice.state}
        document = json_documents.notified(
            told, outcome.state, outcome.reason, report.changes, report.announced
        )
        self._print([title, *done], document)
        self.syslog(f"{title}; {len(report.changes)} changes", *report.notes)

    def line(self, line: str) -> None:
        """Tell a line of the FIFO."""
        from lvsdr.render import json_documents

        self._print([line], json_documents.said(line))
        self.syslog(line)

    def failed(self, failure: LvsdrError) -> None:
        """Tell what failed, where the program goes on."""
        from lvsdr.render import json_documents

        if self.session.output == "json":
            self._print([], json_documents.error(failure))
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

    def _print(self, lines: Iterable[str], document: Document) -> None:
        """Print `lines`, or the document as a line of its own; who does not read misses it."""
        from lvsdr.render import json_documents

        try:
            if self.session.output == "json":
                lines = [json_documents.line(document)]
            for line in lines:
                self.say(printable(line))
        except OSError as error:
            self.session.unheard(error)
