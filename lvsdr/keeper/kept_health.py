"""Health checks of the director's profile that is kept: begun anew when it or the host changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import monotonic

from lvsdr.core.book import Book
from lvsdr.core.kernel_interface import Kernel
from lvsdr.errors import CannotRun, LvsdrError
from lvsdr.keeper.background_look import BackgroundLook
from lvsdr.keeper.change_program import ChangeProgram
from lvsdr.keeper.checker import OpenCheckers
from lvsdr.keeper.child_processes import refuse_unsafe
from lvsdr.keeper.director_health import DirectorHealth
from lvsdr.keeper.health_telling import NOTICE
from lvsdr.keeper.kept_profile import KeptProfile, State
from lvsdr.keeper.record_hands import RecordHands
from lvsdr.keeper.target_look import TargetLook
from lvsdr.keeper.track_file_hands import TrackFileHands
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.finding import ERROR
from lvsdr.model.health import CommandCheck
from lvsdr.model.health_event import HealthEvent
from lvsdr.model.ipvs import RealServer
from lvsdr.model.profile import DirectorProfile

# After so many seconds it is looked up how packets reach the real servers, whatever was noticed.
_STALE = 60.0
# How often it is looked whether somebody else has written the record, beside checks, and how much
# later where nothing else is due: to wake up for it costs more than the glance.
_GLANCE, _FOR_ITSELF = 0.25, 0.5


class KeptHealth(Closing):
    """A part of the resident's loop: checks as long as the profile is kept, and has any.

    `tell` gets each event; `open_checkers` opens what asks on the wire. Where keepalived owns the
    table, it is told by files in the folder `track_files`. What takes long to look up is looked up
    in the `background`.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it looks at, acts by, and tells
        self,
        kept: KeptProfile,
        kernel: Kernel,
        book: Book,
        tell: Callable[[HealthEvent], None],
        open_checkers: OpenCheckers,
        track_files: Path | None = None,
        background: BackgroundLook | None = None,
    ) -> None:
        self._kept, self._kernel = kept, kernel
        self._look = TargetLook(kernel, background)
        self._tell_people = tell
        known = self._checked, self._unchecked
        self._files = None if track_files is None else TrackFileHands(track_files, *known)
        self._hands = self._files or RecordHands(kept, kernel, book)
        self.program = ChangeProgram(tell)
        self._health = DirectorHealth(self._hands, self._tell, open_checkers, monotonic)
        self._profile: DirectorProfile | None = None
        self._now = self._stale = self._next_glance = 0.0
        self._failure = ""

    def looked(self, now: float, *, changed: bool) -> None:
        """Take it that the host was looked at: it may have `changed`, or what is kept of it."""
        try:
            self.begin(now, changed=changed)
        except LvsdrError as failure:
            # Whatever was noticed is still to be looked up.
            self._stale = 0.0
            self._kernel.reopen()
            if failure.message != self._failure:
                self._failure = failure.message
                message = "; ".join((failure.message, *failure.notes, *failure.hints))
                message += ": checks go on as they did before"
                self._tell(HealthEvent("STUCK", ERROR, self._kept.owner, message))
        else:
            if self._failure:
                message = "checks are as the profile says again"
                self._tell(HealthEvent("CARRIED-OUT", NOTICE, self._kept.owner, message))
            self._failure = ""

    def refuse_unfit(self) -> None:
        """Raise CannotRun where the profile's checks cannot be made here, or not carried out."""
        profile = self._kept.profile
        assert isinstance(profile, DirectorProfile), "only a director has health checks"
        if self._files is not None or has_checks(profile):
            self._refuse_misfit(profile)
            _refuse_unsafe(profile)
        if self._files is not None:
            self._files.must_be_ours()

    def begin(self, now: float, *, changed: bool = True) -> None:
        """Begin to check, or look what has changed; raises LvsdrError where that cannot be done."""
        self._now = now
        profile = self._kept.profile
        assert isinstance(profile, DirectorProfile), "only a director has health checks"
        if self._kept.wish().state is State.NOTHING:
            self._rest()
            return
        if self._has_nothing_to_do(profile):
            if self._profile is not None:
                self._health.nobody_is_checked(profile)
            self._rest()
            return
        if profile is not self._profile:
            self.refuse_unfit()
            self.program.use(profile.on_change)
        if changed or profile is not self._profile or now >= self._stale:
            if self._files is not None:
                self._files.begin()
            if profile is not self._profile or not self._look.has_begun(profile):
                self._health.begin(profile, self._look.now(profile), now)
            if self._profile is None and isinstance(self._hands, RecordHands):
                self._hands.warm_up()
            self._profile, self._stale = profile, now + _STALE
        self._health.look_again(now)

    def filenos(self) -> Sequence[int]:
        """Return the descriptors that ask for a turn once they can be read."""
        return (*self._health.filenos(), *self.program.filenos(), *self._look.filenos())

    def due(self) -> float | None:
        """Return when a turn is due though there is nothing to be read."""
        glance = None if self._profile is None else self._next_glance + _FOR_ITSELF
        times = (self._health.due(), self.program.due(), glance)
        return min((each for each in times if each is not None), default=None)

    def turn(self, now: float) -> None:
        """Ask, listen, and carry out what has come about."""
        self._now = now
        self._heed_look(now)
        if self._profile is not None and now >= self._next_glance:
            self._next_glance = now + _GLANCE
            if self._kept.is_overtaken:
                # A drain that was undone by hand has put back who is down.
                self._health.look_again(now)
        self._health.turn(now)
        self.program.turn(now)

    def close(self) -> None:
        """Give back what was opened; the table stays as it is."""
        self._health.close()
        self.program.close()
        self._look.close()

    @property
    def state(self) -> str:
        """Return in a few words how it stands; nothing where nothing is checked."""
        return "" if self._profile is None else self._health.state

    def _has_nothing_to_do(self, profile: DirectorProfile) -> bool:
        """Return whether nobody is checked, and nobody is out who was: he comes back."""
        if self._files is not None or has_checks(profile):
            return False
        return not (profile.writes_table and self._hands.out().down)

    def _heed_look(self, now: float) -> None:
        """Take what was found in the background; what could not be is told as any such failure."""
        try:
            found = self._look.ended(self._profile)
        except LvsdrError:
            self.looked(now, changed=True)
            return
        if found is not None and self._profile is not None:
            self._health.begin(self._profile, found, now)

    def _checked(self) -> Iterable[RealServer]:
        """Return the real servers that are checked."""
        return [each for each, checked in self._servers() if checked]

    def _unchecked(self) -> Iterable[RealServer]:
        """Return the real servers that nobody checks."""
        return [each for each, checked in self._servers() if not checked]

    def _servers(self) -> Iterator[tuple[RealServer, bool]]:
        profile = self._kept.profile
        assert isinstance(profile, DirectorProfile), "only a director has health checks"
        for each in profile.real_servers:
            yield each, profile.health_of(each.service) is not None

    def _refuse_misfit(self, profile: DirectorProfile) -> None:
        """Raise CannotRun where what is found could not be carried out, or would be twice."""
        if profile.writes_table and self._files is not None:
            raise CannotRun(
                f"cannot write track files: lvsdr itself writes the table of {profile.name}",
                hints=["they are for a profile whose table_owner is keepalived"],
            )
        if not profile.writes_table and self._files is None:
            raise CannotRun(
                f"cannot take anybody out: the table of {profile.name} is keepalived's",
                hints=[
                    "give --track-files DIR, and keepalived what lvsdr keepalived config"
                    " --virtual-servers --track-files DIR prints"
                ],
            )

    def _rest(self) -> None:
        if self._profile is not None:
            self._profile = None
            self._health.close()

    def _tell(self, event: HealthEvent) -> None:
        self._tell_people(event)
        self.program.run(event, self._now)


def has_checks(profile: DirectorProfile) -> bool:
    """Return whether any service of a profile has health checks."""
    return profile.health is not None or any(profile.own_health.values())


def _refuse_unsafe(profile: DirectorProfile) -> None:
    """Raise CannotRun where a program that the profile names is not for root to run."""
    if profile.on_change:
        refuse_unsafe(profile.on_change, "on_change")
    healths = (profile.health, *profile.own_health.values())
    commands = {it.check for it in healths if it is not None and isinstance(it.check, CommandCheck)}
    for check in sorted(commands, key=lambda each: each.words):
        refuse_unsafe(check.words, "check")
