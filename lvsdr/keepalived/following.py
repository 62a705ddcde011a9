"""Following the FIFO: each line in its order, of states that came together the last alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from lvsdr.errors import LvsdrError
from lvsdr.keepalived import birth, living, rivals
from lvsdr.keepalived.announcing import Reminder
from lvsdr.keepalived.checker_states import Health
from lvsdr.keepalived.checker_states import from_line as from_check
from lvsdr.keepalived.hearing import Heard, noticed
from lvsdr.keepalived.hook import Outcome, entered, ledger_of
from lvsdr.keepalived.host_roles import Host, Roles
from lvsdr.keepalived.ledger import Entry
from lvsdr.keepalived.notice import MASTER

# How often it is looked for what was said meanwhile, until it is looked whether we are to end.
AT_ONCE = 8
# How many times in a row nobody has it open for writing until keepalived has gone.
GONE = 2
# How many times in a row a keepalived that lives has not, until that is told: it may be starting.
DEAF = 3


@dataclass(slots=True)
class Following:
    """What is done with the lines; `roles` reads the profiles afresh, for they may have changed.

    `lives` tells whether there is a keepalived, heard or not. What failed is `unfinished`, and
    tried again. What is told is told after all is done: it may take its time.
    """

    roles: Callable[[], Roles]
    timeout: float
    heard: Heard
    outcome: Callable[[Outcome], None]
    line: Callable[[str], None]
    failed: Callable[[LvsdrError], None]
    lives: Callable[[], bool] = lambda: False
    unfinished: bool = True
    reminder: Reminder = field(default_factory=Reminder)
    _news: list[Callable[[], None]] = field(default_factory=list)
    _known: Roles | None = None
    _told: set[str] = field(default_factory=set)
    _noted: str = ""
    _waits: bool = False
    _silences: int | None = None
    _deaf: int = 0
    _to_spare: bool = False

    def begin(self) -> None:
        """Read the profiles; raise where that cannot be done."""
        self._known = self.roles()

    def take(self, lines: Iterable[str], host: Host, *, spoken: bool) -> None:
        """Carry out what `lines` say, and what is unfinished; `spoken`: keepalived is there."""
        self.heard.take(lines)
        deaf = self._is_deaf(spoken=spoken)
        if spoken and (self._silences or 0) >= GONE:
            self._come_back(host)
        if self._silences is None and not spoken and not deaf:
            # What nobody reads is lost.
            self.heard.assume("STOP", self._masters(host))
        if spoken:
            # Where keepalived has gone, another one may be the director.
            self._remind(host)
        self._act(host, spoken=spoken)
        if not deaf:
            self._silences = 0 if spoken else (self._silences or 0) + 1
            # Not at the first: at a reload keepalived closes it, and opens it again.
            if self._silences == GONE:
                self._mourn(host)
        self._to_spare &= not spoken
        if self._to_spare:
            self._spare(host)
        self._speak(host)

    def _remind(self, host: Host) -> None:
        try:
            if self._known is not None:
                self.reminder.remind(self._known.director, host)
        except LvsdrError as failure:
            self._tell_once(failure)

    def _speak(self, host: Host) -> None:
        """Tell what was heard and done, and write down what checks say.

        Not to be able to do so is no reason to do nothing else.
        """
        lines, failures = self.heard.told()
        told = [server for line in lines if (server := from_check(line)) is not None]
        try:
            Health(host.book).tell(told)
            if self._silences == GONE:
                Health(host.book).forget()
        except LvsdrError as failure:
            failures.append(failure)
        for line in lines:
            self.line(line)
        for each in failures:
            self.failed(each)
        news, self._news = self._news, []
        for tell in news:
            tell()

    def _act(self, host: Host, *, spoken: bool) -> None:
        fresh = self._written_down(host)
        if self.unfinished:
            self._finish(host, None if spoken else fresh)
        # What came while that was done wakes nobody who waits for the FIFO any more.
        for _ in range(AT_ONCE):
            if not (fresh := self._written_down(host)):
                break
            self._finish(host, None if spoken else fresh)

    def _written_down(self, host: Host) -> set[str]:
        """Write down what was heard before anything is done: a killed run leaves it to the next."""
        fresh: set[str] = set()
        try:
            for notice in list(self.heard.notices.values()):
                ledger_of(host).tell(notice.key, notice.state, birth.now())
                del self.heard.notices[notice.key]
                fresh.add(notice.key)
                self.unfinished, self._waits, self._noted = True, False, ""
                self._told.clear()
        except LvsdrError as failure:
            self._fail(failure)
        return fresh

    def _finish(self, host: Host, only: set[str] | None) -> None:
        """Carry out what is written down and not done.

        Where keepalived has gone, another director may have taken over since what a failed or
        killed run left: nobody becomes one then, but by what is in `only`.
        """
        self.unfinished = bool(self.heard.notices)
        if all(entry.settled for entry in self._mine(host).values()):
            return
        try:
            with host.book.locked(self.timeout):
                # The lock may have been another's for long.
                self.heard.look()
                fresh = self._written_down(host)
                self._carry_out(host, None if only is None else only | fresh)
        except LvsdrError as failure:
            # Half an answer may be waiting in its sockets.
            host.kernel.reopen()
            self._fail(failure)

    def _carry_out(self, host: Host, only: set[str] | None) -> None:
        """Carry out what was said last; whatever any instance said before it is overtaken."""
        entries = self._mine(host)
        key, last = list(entries.items())[-1]
        if not last.settled and last.state == MASTER and only is not None and key not in only:
            # Until keepalived is back, or says something else.
            self.unfinished = True
            return
        overtaken = f"overtaken by {noticed(key, last.state)}"
        for other, entry in entries.items():
            if other != key and not entry.settled:
                ledger_of(host).settle(other, entry)
                dropped = Outcome(noticed(other, entry.state), None, reason=overtaken)
                self._news.append(partial(self.outcome, dropped))
        self.unfinished = bool(self.heard.notices)
        if not last.settled:
            self.heard.leads = last.state == MASTER
            self.reminder.end()
            report = entered(key, last, self._roles_for(last.state), host)
            if report.announced:
                self.reminder.begin()
            self._show(Outcome(noticed(key, last.state), last.state, report))

    def _roles_for(self, state: str) -> Roles:
        """Read the profiles; to stand by, those that were read last will do."""
        try:
            self._known = self.roles()
        except LvsdrError as failure:
            if state == MASTER or self._known is None:
                raise
            failure.notes.append(f"for {state}, the profile counts as it was read last")
            self._tell_once(failure)
        return self._known

    def _show(self, done: Outcome) -> None:
        """Tell an outcome; of one that is tried again and again, what is new."""
        notes = "\n".join(done.report.notes)
        if not self._waits or done.report.changes or notes not in ("", self._noted):
            self._news.append(partial(self.outcome, done))
        self._waits, self._noted = done.report.waits, notes
        self.unfinished |= self._waits

    def _fail(self, failure: LvsdrError) -> None:
        self.unfinished = True
        self._tell_once(failure)

    def _tell_once(self, failure: LvsdrError) -> None:
        """Tell a failure once, however often it is tried again."""
        if failure.message not in self._told:
            self._news.append(partial(self.failed, failure))
        self._told.add(failure.message)

    def _come_back(self, host: Host) -> None:
        """Take it that keepalived says MASTER still, unless it says something else now.

        Of whatever instance: the one that was the master may have got another name.
        """
        if all(each.state == MASTER for each in self.heard.notices.values()):
            self.heard.assume(MASTER, self._masters(host))

    def _is_deaf(self, *, spoken: bool) -> bool:
        """Return whether a keepalived lives, and is not heard; looked at before it has gone."""
        deaf = not spoken and self._silences in (None, GONE - 1) and self.lives()
        self._deaf = self._deaf + 1 if deaf else 0
        if self._deaf == DEAF:
            self._news.append(partial(self.failed, living.deaf()))
        return deaf

    def _mourn(self, host: Host) -> None:
        """Tell that keepalived ended without a STOP: two directors may answer now.

        One that is a real server too chooses itself, for the other one may choose it.
        """
        for key in self._masters(host):
            self._to_spare = True
            self._news.append(partial(self.failed, living.gone(key)))

    def _spare(self, host: Host) -> None:
        """Choose this host itself; tried again until it is done."""
        host.silence.since = None
        try:
            roles = self._roles_for("STOP")
            if roles.realserver is not None:
                with host.book.locked(self.timeout):
                    rivals.spare(roles.director, host.kernel.read_host(), host)
            self._to_spare = False
        except LvsdrError as failure:
            host.kernel.reopen()
            self._tell_once(failure)

    def _masters(self, host: Host) -> list[str]:
        return [key for key, each in self._mine(host).items() if each.state == MASTER]

    def _mine(self, host: Host) -> dict[str, Entry]:
        told = ledger_of(host).entries().items()
        return {key: each for key, each in told if self.heard.counts(key)}
