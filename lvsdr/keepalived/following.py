"""Following the FIFO: each line in its order, of states that came together the last alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lvsdr.errors import CannotRun, LvsdrError
from lvsdr.keepalived import alone, birth
from lvsdr.keepalived.health import Health
from lvsdr.keepalived.health import from_line as from_check
from lvsdr.keepalived.hook import Outcome, finish
from lvsdr.keepalived.ledger import Ledger
from lvsdr.keepalived.notice import MASTER, Notice, from_line
from lvsdr.keepalived.roles import Host, Roles

# How many times in a row nobody has it open for writing until keepalived has gone.
GONE = 2


@dataclass(slots=True)
class Following:
    """What is done with the lines; `roles` reads the profiles afresh, for they may have changed.

    `name` is the one instance or group that counts; None: each does. What failed is `unfinished`,
    and tried again.
    """

    roles: Callable[[], Roles]
    timeout: float
    name: str | None
    outcome: Callable[[Outcome], None]
    line: Callable[[str], None]
    failed: Callable[[LvsdrError], None]
    unfinished: bool = True
    _heard: dict[str, Notice] = field(default_factory=dict)
    _told: str = ""
    _waits: bool = False
    _silences: int | None = None

    def take(self, lines: Iterable[str], host: Host, *, spoken: bool) -> None:
        """Carry out what `lines` say, and what is unfinished; a failure is told.

        `spoken`: keepalived is there.
        """
        said = list(lines)
        for line in said:
            notice = self._understood(line)
            if notice is not None:
                # Moved to the end: of two instances, the one that spoke last comes last.
                self._heard.pop(notice.key, None)
                self._heard[notice.key] = notice
        if self._silences is None and not spoken:
            self._not_heard(host)
        if spoken and (self._silences or 0) >= GONE:
            self._come_back(host)
        fresh = self._written_down(host)
        if self.unfinished:
            self._finish(host, fresh if not spoken else None)
        self._silences = 0 if spoken else (self._silences or 0) + 1
        # Not at the first: at a reload keepalived closes it, and opens it again.
        if self._silences == GONE:
            self._mourn(host)
        self._export(said, host)

    def _understood(self, line: str) -> Notice | None:
        self.line(line)
        try:
            notice = from_line(line)
        except LvsdrError as failure:
            self.failed(failure)
            return None
        if notice is None or self.name not in (None, notice.name):
            return None
        return notice

    def _export(self, lines: list[str], host: Host) -> None:
        """Write down what checks say; not to do so is no reason to do nothing else."""
        told = [server for line in lines if (server := from_check(line)) is not None]
        try:
            Health(host.book).tell(told)
            if self._silences == GONE:
                Health(host.book).forget()
        except LvsdrError as failure:
            self.failed(failure)

    def _written_down(self, host: Host) -> set[str]:
        """Write down what was heard before anything is done: a killed run leaves it to the next."""
        fresh: set[str] = set()
        try:
            for notice in list(self._heard.values()):
                Ledger(host.book).tell(notice.key, notice.state, birth.now())
                del self._heard[notice.key]
                fresh.add(notice.key)
                self._told, self.unfinished = "", True
        except LvsdrError as failure:
            self._fail(failure)
        return fresh

    def _finish(self, host: Host, only: set[str] | None) -> None:
        """Carry out what is written down and not done.

        Where keepalived has gone, another director may have taken over since what a failed or
        killed run left: nobody becomes one then, but by what is in `only`.
        """
        self.unfinished = bool(self._heard)
        for key, entry in Ledger(host.book).entries().items():
            if entry.settled or not self._mine(key):
                continue
            if entry.state != MASTER or only is None or key in only:
                self._carry_out(key, host)
            else:
                # Until keepalived is back, or says something else.
                self.unfinished = True

    def _carry_out(self, key: str, host: Host) -> None:
        try:
            done = finish(key, self.roles(), host, self.timeout)
        except LvsdrError as failure:
            # Half an answer may be waiting in its sockets.
            host.kernel.reopen()
            self._fail(failure)
        else:
            if done is not None:
                self._show(done)

    def _show(self, done: Outcome) -> None:
        """Tell an outcome; of one that is tried again and again, what is new."""
        notes = "\n".join(done.report.notes)
        if not self._waits or done.report.changes or notes not in ("", self._told):
            self.outcome(done)
        self._waits, self._told = done.report.waits, notes
        self.unfinished |= self._waits

    def _fail(self, failure: LvsdrError) -> None:
        """Tell a failure once, however often it is tried again."""
        self.unfinished = True
        if failure.message != self._told:
            self.failed(failure)
        self._told = failure.message

    def _not_heard(self, host: Host) -> None:
        """Take it that keepalived said STOP while nobody read: what nobody reads is lost."""
        for key in self._masters(host):
            kind, _, name = key.partition(" ")
            self._heard.setdefault(key, Notice(kind, name, "STOP"))

    def _mourn(self, host: Host) -> None:
        """Tell that keepalived ended without a STOP: two directors may answer now.

        One that is a real server too chooses itself, for the other one may choose it.
        """
        masters = self._masters(host)
        for key in masters:
            self.failed(
                CannotRun(
                    f"keepalived has gone without a word: this host stays the director of {key},"
                    " and another may have become it",
                    hints=["systemctl restart keepalived", "lvsdr director verify PROFILE"],
                )
            )
        try:
            roles = self.roles()
            if masters and roles.realserver is not None:
                with host.book.locked(self.timeout):
                    alone.spare(roles.director, host.kernel.survey(), host)
        except LvsdrError as failure:
            host.kernel.reopen()
            self.failed(failure)

    def _come_back(self, host: Host) -> None:
        """Take it that keepalived says MASTER still, unless it says something else now."""
        for key in self._masters(host):
            kind, _, name = key.partition(" ")
            self._heard.setdefault(key, Notice(kind, name, MASTER))

    def _masters(self, host: Host) -> list[str]:
        entries = Ledger(host.book).entries()
        return [key for key, each in entries.items() if each.state == MASTER and self._mine(key)]

    def _mine(self, key: str) -> bool:
        return self.name in (None, key.partition(" ")[2])
