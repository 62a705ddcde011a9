"""Following the FIFO: each line in its order, of states that came together the last alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lvsdr.errors import CannotRun, LvsdrError
from lvsdr.keepalived import rivals
from lvsdr.keepalived.announcing import Reminder
from lvsdr.keepalived.checker_states import Health, server_from_line
from lvsdr.keepalived.hook import Outcome, carry_out
from lvsdr.keepalived.host_roles import HostAccess, Report, Roles
from lvsdr.keepalived.presence import Look, Presence, Turn
from lvsdr.keepalived.telling import ToldLater
from lvsdr.keepalived.vrrp_states import MASTER, STOP
from lvsdr.model.late_dataclasses import dataclass, field

# How often it is looked for what was said meanwhile, until it is looked whether we are to end.
AT_ONCE = 8


@dataclass(slots=True)
class Knowledge:
    """What a reader knows from one look to the next; what keepalived said is in the ledger.

    `unfinished`: there may be something to carry out. `must_spare`: this host has to choose itself,
    for keepalived has gone. `silent_since` is that of the last report.
    """

    presence: Presence = field(default_factory=Presence)
    roles: Roles | None = None
    unfinished: bool = True
    must_spare: bool = False
    silent_since: float | None = None
    reminder: Reminder = field(default_factory=Reminder)


@dataclass(frozen=True, slots=True)
class Following:
    """What is done with the lines; `read_roles` reads the profiles afresh: they may have changed.

    `lives` tells whether there is a keepalived, heard or not. What failed is tried again.
    """

    access: HostAccess
    read_roles: Callable[[], Roles]
    timeout: float
    telling: ToldLater
    lives: Callable[[], bool] = lambda: False
    known: Knowledge = field(default_factory=Knowledge)

    def read_profiles(self) -> None:
        """Read the profiles; raise where that cannot be done."""
        self.known.roles = self.read_roles()

    def take(self, lines: Iterable[str], *, has_writer: bool) -> None:
        """Carry out what `lines` say, and what is unfinished; `has_writer`: keepalived is there."""
        ledger, known = self.access.ledger, self.known
        ledger.read(lines)
        known.presence, turn = known.presence.after(self._look(has_writer=has_writer))
        if turn is Turn.DEAF:
            self.telling.came_about(_deaf())
        elif turn is Turn.CAME_BACK:
            ledger.assume(MASTER)
        elif turn is Turn.STOPPED_BEFORE:
            ledger.assume(STOP)
        if has_writer:
            # Where keepalived has gone, another one may be the director.
            self._remind()
        self._act(has_writer=has_writer)
        if turn is Turn.GONE:
            self._tell_that_it_has_gone()
        known.must_spare &= not has_writer
        if known.must_spare:
            self._spare()
        self._tell(forget_checks=turn is Turn.GONE)

    def _look(self, *, has_writer: bool) -> Look:
        if has_writer:
            return Look.WRITER
        # All processes are gone through for it.
        lives = self.known.presence.is_in_doubt and self.lives()
        return Look.LIVES if lives else Look.NOBODY

    def _remind(self) -> None:
        try:
            if self.known.roles is not None:
                self.known.reminder.remind(self.known.roles.director, self.access)
        except LvsdrError as failure:
            self.telling.failed(failure)

    def _act(self, *, has_writer: bool) -> None:
        fresh = self._write_down()
        if fresh or self._is_unfinished():
            self._finish(None if has_writer else fresh)
        # What came while that was done wakes nobody who waits for the FIFO any more.
        for _ in range(AT_ONCE):
            if not (fresh := self._write_down()):
                break
            self._finish(None if has_writer else fresh)

    def _is_unfinished(self) -> bool:
        notices = self.access.ledger.notices().values() if self.known.unfinished else ()
        self.known.unfinished = not all(each.settled for each in notices)
        return self.known.unfinished

    def _write_down(self) -> set[str]:
        """Write down what was read before anything is done: a killed run leaves it to the next."""
        try:
            fresh = self.access.ledger.write_down()
        except LvsdrError as failure:
            # It stays read, and is written at the next look.
            self.telling.failed(failure)
            return set()
        if fresh:
            self.telling.something_new()
        return fresh

    def _finish(self, only: set[str] | None) -> None:
        """Carry out what is written down and not done.

        Where keepalived has gone, another director may have taken over since what a failed or
        killed run left: nobody becomes one then, but by what is in `only`.
        """
        try:
            with self.access.book.locked(self.timeout):
                # The lock may have been another's for long.
                self.access.ledger.read_more()
                fresh = self._write_down()
                self._carry_out_last(None if only is None else only | fresh)
        except LvsdrError as failure:
            # Half an answer may be waiting in its sockets.
            self.access.kernel.reopen()
            self.known.unfinished = True
            self.telling.failed(failure)

    def _carry_out_last(self, only: set[str] | None) -> None:
        """Carry out what was said last; whatever any instance said before it is overtaken."""
        ledger, known = self.access.ledger, self.known
        notices = list(ledger.notices().values())
        if not notices:
            # Somebody has removed the file: it is said again.
            return
        *earlier, last = notices
        if not last.settled and last.is_master and only is not None and last.key not in only:
            # Until keepalived is back, or says something else.
            known.unfinished = True
            return
        for each in earlier:
            if not each.settled:
                ledger.settle(each)
                self.telling.dropped(Outcome(each, None, reason=f"overtaken by {last}"))
        known.unfinished = False
        if last.settled:
            return
        known.reminder.stop()
        report = Report(silent_since=known.silent_since)
        try:
            carry_out(last, self._roles_for(last.state), self.access, report)
        finally:
            known.silent_since = report.silent_since
        if report.announced:
            known.reminder.start()
        self.telling.outcome(Outcome(last, last.state, report))
        known.unfinished = report.waits

    def _roles_for(self, state: str) -> Roles:
        """Read the profiles; to stand by, those that were read last will do."""
        known = self.known
        try:
            known.roles = self.read_roles()
        except LvsdrError as failure:
            if state == MASTER or known.roles is None:
                raise
            failure.notes.append(f"for {state}, the profile counts as it was read last")
            self.telling.failed(failure)
        return known.roles

    def _tell_that_it_has_gone(self) -> None:
        """Tell that keepalived ended without a STOP: two directors may answer now.

        One that is a real server too chooses itself, for the other one may choose it.
        """
        for each in self.access.ledger.masters():
            self.known.must_spare = True
            self.telling.came_about(_gone(each.key))

    def _spare(self) -> None:
        """Choose this host itself; tried again until it is done."""
        access, known = self.access, self.known
        known.silent_since = None
        try:
            roles = self._roles_for(STOP)
            if roles.realserver is not None:
                with access.book.locked(self.timeout):
                    rivals.spare(roles.director, access.kernel.read_host(), access)
            known.must_spare = False
        except LvsdrError as failure:
            access.kernel.reopen()
            self.telling.failed(failure)

    def _tell(self, *, forget_checks: bool) -> None:
        """Tell what was read and done, and write down what checks say.

        Not to be able to do so is no reason to do nothing else.
        """
        lines, failures = self.access.ledger.untold()
        servers = [server for line in lines if (server := server_from_line(line)) is not None]
        try:
            health = Health(self.access.book)
            health.write_down(servers)
            if forget_checks:
                health.forget()
        except LvsdrError as failure:
            failures.append(failure)
        self.telling.tell_all(lines, failures)


def _deaf() -> CannotRun:
    """Return what to tell of a keepalived that lives, and of which nothing is heard."""
    return CannotRun(
        "cannot hear keepalived: it lives, and does not have the FIFO open",
        hints=["systemctl reload keepalived"],
    )


def _gone(key: str) -> CannotRun:
    """Return what to tell of a keepalived that ended without a STOP, where `key` was MASTER."""
    return CannotRun(
        f"keepalived has gone without a word: this host stays the director of {key},"
        " and another may have become it",
        # It begins as a standby, which lets go of the VIPs: not while nobody else has them.
        hints=[
            "whether another host is the director: lvsdr director verify PROFILE; once one is:"
            " systemctl start keepalived"
        ],
    )
