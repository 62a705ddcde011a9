"""What a keeper is put together from: profiles, kernel, FIFO, signals and output.

A further part of its loop, as one that checks real servers, is made in `_Parts`, added in `kept`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic

from lvsdr.cli import keepalived_hook
from lvsdr.cli.heard_signals import Signals
from lvsdr.cli.hook_process import Say, modest_umask, unhurried_output
from lvsdr.cli.keeper_start import begin, looked_at_first, service_manager
from lvsdr.cli.role_verbs import read_profile
from lvsdr.cli.session import Session
from lvsdr.cli.wire_checkers import open_checkers
from lvsdr.core import signals
from lvsdr.core.kernel_interface import Kernel
from lvsdr.keepalived.fifo import Fifo
from lvsdr.keepalived.following import Following
from lvsdr.keepalived.keepalived_process import lives
from lvsdr.keepalived.ledger import Ledger
from lvsdr.keepalived.telling import ToldLater
from lvsdr.keeper.announcements import Announcements
from lvsdr.keeper.background_look import BackgroundLook
from lvsdr.keeper.fifo_reader import FifoReader
from lvsdr.keeper.keep_host import HostKeeper, Tools
from lvsdr.keeper.kept_health import KeptHealth
from lvsdr.keeper.kept_profile import KeptProfile
from lvsdr.keeper.looks import Looks
from lvsdr.keeper.only_keeper import only_keeper
from lvsdr.keeper.resident import Part, Resident
from lvsdr.keeper.service_manager import ServiceManager
from lvsdr.keeper.told import Noticed, Told
from lvsdr.kernel.netlink.route_events import RouteEvents
from lvsdr.model.health_event import HealthEvent
from lvsdr.model.keep_event import KeepEvent
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.printable import printable
from lvsdr.model.profile import Profile
from lvsdr.proof.take_over import Asking
from lvsdr.render.keep_line import KeepLine


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line."""

    role: str
    profile: Path
    every: float
    fifo: Path | None = None
    realserver: Path | None = None
    track_files: Path | None = None


@contextmanager
def kept(session: Session, asked: Asked) -> Iterator[Resident]:
    """Give the resident, once the host is as it is to be kept; raises LvsdrError.

    Signals are heard by it: nothing is broken off, and what is done stays.
    """
    heard = Signals()
    with ExitStack() as stack:
        stack.callback(heard.close)
        stack.enter_context(signals.handled(heard.heard))
        stack.enter_context(modest_umask())
        say, flush = stack.enter_context(unhurried_output(session))
        service = service_manager(session)
        stack.callback(service.stopping)
        kernel = stack.enter_context(session.kernel())
        parts = _Parts(session, asked, kernel, say)
        reader = parts.fifo(stack)
        notices = stack.enter_context(RouteEvents(routes=True))
        noticed = Noticed()
        keepers = parts.keepers(noticed, reader)
        checks = parts.checks(keepers, stack)
        if reader is not None:
            reader.turn(monotonic())
        begin(keepers, session.lock_timeout, heard)
        for each in checks:
            each.begin(monotonic())
        looks = parts.looks(keepers, notices, noticed, service, stack)
        looks.parts.extend(checks)
        heard.hung_up = looks.reload
        parts.looks_soon = looks.soon
        looks.tell_state()
        service.ready()

        def over() -> bool:
            flush()
            return heard.over

        every: list[Part] = [heard, *checks, looks, parts.announcements, service]
        if reader is not None:
            every.insert(1, reader)
        yield Resident(every, over)


class _Parts:
    """Makes the parts of a keeper of what was asked for."""

    def __init__(self, session: Session, asked: Asked, kernel: Kernel, say: Say) -> None:
        self._session = session
        self._asked = asked
        self._kernel = kernel
        self._say = say
        self.announcements = Announcements(kernel, session.announcer)
        self.looks_soon: Callable[[], None] = lambda: None

    def fifo(self, stack: ExitStack) -> FifoReader | None:
        """Return what follows keepalived, if anything is to."""
        session, asked = self._session, self._asked
        if asked.fifo is None:
            return None
        pipe = stack.enter_context(Fifo(asked.fifo))
        identity = keepalived_hook.identity(asked.profile)
        ledger = Ledger(session.book(), identity, more=pipe.waiting)
        roles = partial(keepalived_hook.roles_of, session, asked.profile, asked.realserver)
        following = Following(
            keepalived_hook.access(session, self._kernel, ledger),
            roles,
            session.lock_timeout,
            ToldLater(keepalived_hook.telling(session, False, self._say)),
            lives,
        )
        following.read_profiles()
        # What looks is made after it.
        return FifoReader(pipe, following, self._look_soon)

    def keepers(self, noticed: Noticed, reader: FifoReader | None) -> list[HostKeeper]:
        """Return what keeps each profile: silent first, where this host is both."""
        session, asked = self._session, self._asked
        tools = Tools(
            self._kernel,
            session.book(),
            self.announcements,
            # Both in a quarter of a second: nothing else is done meanwhile.
            Asking(session.ask_briefly, session.ask_briefly, session.next_hops),
            lives,
            partial(looked_at_first, session, self._kernel),
            _never if reader is None else reader.overtaken,
        )
        book = session.book()
        rests = str if reader is None else reader.rests
        main = KeptProfile(
            asked.profile, self._reading(asked.role), book, follows=reader is not None, rests=rests
        )
        if asked.realserver is None:
            return [self._keeper(main, tools, noticed)]
        other = KeptProfile(asked.realserver, self._reading("realserver"), book)
        return [self._keeper(other, tools, noticed, main), self._keeper(main, tools, noticed)]

    def looks(
        self,
        keepers: Sequence[HostKeeper],
        notices: RouteEvents,
        noticed: Noticed,
        service: ServiceManager,
        stack: ExitStack,
    ) -> Looks:
        """Return what looks at the host now and then, and whenever the kernel tells of a change."""
        session, every = self._session, self._asked.every
        background = stack.enter_context(BackgroundLook(session.kernel))
        known = keepers, self._kernel, notices, noticed, service, every, session.lock_timeout
        return Looks(*known, background=background)

    def _reading(self, role: str) -> Callable[[Path], Profile]:
        """Return what reads profiles of a role: partly, where the record knows the rest."""
        return partial(read_profile, self._session, role=role, partly=role == "director")

    def _look_soon(self) -> None:
        self.looks_soon()

    def _keeper(
        self, kept: KeptProfile, tools: Tools, noticed: Noticed, beside: KeptProfile | None = None
    ) -> HostKeeper:
        return HostKeeper(kept, tools, Told(kept.owner, self._tell, noticed), beside)

    def checks(self, keepers: Sequence[HostKeeper], stack: ExitStack) -> list[KeptHealth]:
        """Return what checks real servers; raises CannotRun where the host cannot be kept so.

        Nothing has been changed by then: whoever is refused finds the host as it was.
        """
        session = self._session
        found = [self._health(keepers[-1].kept, stack)] if self._asked.role == "director" else []
        for check in found:
            check.refuse_unfit()
        for keeper in keepers:
            only = only_keeper(keeper.kept.owner, session.book(), session.lock_timeout)
            stack.enter_context(only)
        return found

    def _health(self, kept: KeptProfile, stack: ExitStack) -> KeptHealth:
        """Return what checks the real servers of a director's profile."""
        session = self._session
        checkers = partial(open_checkers, session.next_hops)
        known = kept, self._kernel, session.book()
        files, background = self._asked.track_files, BackgroundLook(session.kernel)
        return stack.enter_context(KeptHealth(*known, self._tell, checkers, files, background))

    def _tell(self, event: KeepEvent | HealthEvent) -> None:
        """Print an event as one of many; who does not read misses it."""
        line = KeepLine(event, datetime.now(UTC))
        for each in self._session.format.output().one_of_many(line):
            self._say(printable(each), severity=event.severity)


def _never() -> bool:
    return False
