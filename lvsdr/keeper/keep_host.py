"""One profile kept on this host: looked at, and repaired as `apply` would do it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import ExitStack

from lvsdr.core.book import Book
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.situation import Situation
from lvsdr.core.workflow import converge, new_vips
from lvsdr.errors import CannotRun, KernelError, LockHeld, LvsdrError, NotConverged, Stuck
from lvsdr.keeper.announcements import Announcements
from lvsdr.keeper.background_look import AsKept
from lvsdr.keeper.fights import Fights
from lvsdr.keeper.kept_plan import planned, stray_vips
from lvsdr.keeper.kept_profile import KeptProfile, State
from lvsdr.keeper.moved_vips import MovedVips
from lvsdr.keeper.partial_repair import children_too, left_out
from lvsdr.keeper.told import LOOK, Told, titles
from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.objects import Key
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.proof.take_over import Asking, refuse_taken

# How long it is waited after a repair that failed and was undone, at first and at most: each try
# takes VIPs away again.
PAUSE, LONGEST_PAUSE = 5.0, 300.0
STRAY = "VIPs on a link that answers for them"


class Busy(Exception):
    """Another lvsdr is at work on this host: it is looked again when it has done."""


@dataclass(frozen=True, slots=True)
class Tools:
    """By what a keeper reaches the host and the segment.

    `master_lives` tells whether there is a keepalived here; `first` is told each situation that is
    applied afresh, and may raise. `overtaken` tells whether keepalived has said since that this
    host is no director: it must not be the last to speak for the VIPs then.
    """

    kernel: Kernel
    book: Book
    announcements: Announcements
    asking: Asking
    master_lives: Callable[[], bool]
    first: Callable[[Profile, Situation], None]
    overtaken: Callable[[], bool] = lambda: False


class HostKeeper:
    """Keeps the profile of `kept`; `director` is that of the director where the host is both."""

    def __init__(
        self, kept: KeptProfile, tools: Tools, told: Told, director: KeptProfile | None = None
    ) -> None:
        self.kept = kept
        self.told = told
        self._tools = tools
        self._director = director
        self._fights = Fights()
        self._moved = MovedVips(tools.kernel, tools.asking, told)
        self._names: dict[Key, str] = {}
        self._pause = 0.0
        self._not_before = 0.0

    def begin(self) -> None:
        """Make the host what the profile says, as `apply` does; raises LvsdrError, and Busy."""
        wish = self.kept.first_wish()
        if wish.state is State.NOTHING:
            self.told.rests(wish.reason)
            return
        with self._locked(), self.kept.failure_written_down():
            self._apply(self.kept.profile, wish.state)
        what = "a standby" if wish.state is State.STANDBY else "it"
        self.told.note(f"{what} is kept as {self.kept.file} says")

    def reload(self) -> None:
        """Read the profile again and apply it; the old one is kept where that fails.

        Raises LvsdrError, and Busy.
        """
        with self._locked(), self.kept.failure_written_down():
            state = self.kept.wish().state
            profile = self.kept.read_again()
            if state is State.NOTHING:
                self.told.note("the profile was not applied: nothing is kept at present")
            else:
                self._apply(profile, state)

    def look(self, now: float) -> None:
        """Look whether the host is as it should be, and repair it; raises LvsdrError, and Busy."""
        wish = self.kept.wish()
        self.told.rests(wish.reason)
        if wish.state is State.NOTHING:
            return
        situation = self._planned(wish.state)
        if situation.todo and now >= self._not_before:
            with self._locked():
                # It may have been another lvsdr's work, half done, or its end.
                wish = self.kept.wish()
                if wish.state is State.NOTHING:
                    return
                situation = self._planned(wish.state)
                self._repair(situation, now)
        if not situation.todo:
            self._well(now)

    def as_kept(self) -> AsKept | None:
        """Return what tells, in a thread of its own, whether `look` would have nothing to do.

        None where it has to be looked in any case. Raises CannotRun, as `look` does.
        """
        wish = self.kept.wish()
        if wish.state is State.NOTHING:
            return None
        profile, beside = self.kept.profile, self._beside()

        def look(kernel: Kernel) -> bool:
            return not planned(profile, wish.state, kernel, self._tools.book, beside).todo

        return look

    def found_as_kept(self, now: float) -> None:
        """Take it that what `as_kept` returned has found nothing to do; raises CannotRun."""
        wish = self.kept.wish()
        self.told.rests(wish.reason)
        if wish.state is not State.NOTHING:
            self.told.well(STRAY)
            self._well(now)

    def _well(self, now: float) -> None:
        self._pause = self._not_before = 0.0
        self.told.well(LOOK)
        self._moved.over()
        self._make_peace(frozenset(), now)

    def failed(self, failure: LvsdrError, now: float) -> None:
        """Take it that a look has failed so: what was undone is not tried again at once."""
        self.told.failed(LOOK, failure)
        if isinstance(failure, KernelError | NotConverged | Stuck):
            self._pause = min(max(PAUSE, 2 * self._pause), LONGEST_PAUSE)
            self._not_before = now + self._pause

    def _locked(self) -> ExitStack:
        """Hold the lock of the namespace, or raise Busy where another has it."""
        with ExitStack() as stack:
            try:
                stack.enter_context(self._tools.book.locked(0.0))
            except LockHeld as held:
                raise Busy(held.message) from held
            return stack.pop_all()
        raise AssertionError("it is returned or raised")

    def _planned(self, state: State, profile: Profile | None = None) -> Situation:
        wanted, kernel, book = profile or self.kept.profile, self._tools.kernel, self._tools.book
        beside = self._beside()
        host = None if state is State.STANDBY else kernel.read_host()
        try:
            situation = planned(wanted, state, kernel, book, beside, host)
        except CannotRun as refused:
            if host is None:
                raise
            stray = stray_vips(wanted, host)
            if profile is not None or not stray:
                refused.notes += self.kept.renamed(host)
                raise
            # The rest is kept all the same; whose address it is we do not know.
            self.told.failed(STRAY, refused)
            return planned(wanted, state, kernel, book, beside, host.without_held(stray))
        self.told.well(STRAY)
        return situation

    def _beside(self) -> DirectorProfile | None:
        beside = None if self._director is None else self._director.profile
        assert beside is None or isinstance(beside, DirectorProfile), "it is held to its role"
        return beside

    def _apply(self, profile: Profile, state: State) -> None:
        """Make the host what `profile` says because somebody has asked for that."""
        situation = self._planned(state, profile)
        if state is State.WHOLE:
            situation = situation.coming_from(self.kept.file)
            self._tools.first(profile, situation)
            vips = new_vips(situation.todo)
            if isinstance(profile, DirectorProfile) and vips and not self._is_master():
                host = self._tools.kernel.read_host()
                for note in refuse_taken(profile, vips, host, self._tools.asking):
                    self.told.note(note)
        self._carry_out(profile, situation, afresh=True)
        self.kept.take(profile)
        for note in situation.notes:
            self.told.note(note)
        self.told.rests("")

    def _repair(self, situation: Situation, now: float) -> None:
        """Undo what others have done, but for what is left to them."""
        changes = {each.key: each for each in situation.todo}
        for key in self._fights.begun(changes, now):
            self.told.fight(changes[key], self._fights.pause(key))
        self._make_peace(changes.keys(), now)
        left = {key for key in changes if self._fights.leaves(key, now)}
        left |= self._taken(situation, left, now)
        if left:
            situation = left_out(situation, children_too(situation.todo, left))
        if not situation.todo:
            return
        self._carry_out(self.kept.profile, situation, afresh=False)
        self.kept.written()
        self._names |= titles(situation.todo)
        self._fights.repaired([each.key for each in situation.todo], now)
        self._pause = 0.0
        self.told.well(LOOK)

    def _make_peace(self, differing: Collection[Key], now: float) -> None:
        for key in self._fights.over(differing, now):
            self.told.peace(self._names.pop(key, str(key)))

    def _carry_out(self, profile: Profile, situation: Situation, *, afresh: bool) -> None:
        tools, announced = self._tools, list[IPAddress]()
        vips = new_vips(situation.todo)
        with tools.announcements.opened(profile, vips) as announcer:

            def announce() -> None:
                if announcer is not None and not tools.overtaken():
                    announcer.announce(vips, count=1)
                    announced.extend(vips)

            converge(situation, tools.kernel, tools.book, announce)
        if announced:
            tools.announcements.again(profile, vips)
        self.told.done(situation.todo, afresh=afresh)
        self.told.announced(announced)

    def _taken(self, situation: Situation, left: set[Key], now: float) -> frozenset[Key]:
        """Return the keys of the VIPs that another host has by now, unless keepalived says MASTER.

        What keepalived has given to this host it has.
        """
        profile = self.kept.profile
        if not isinstance(profile, DirectorProfile) or self._is_master():
            return frozenset()
        return self._moved.of(profile, situation, left, now)

    def _is_master(self) -> bool:
        return self.kept.is_master() and self._tools.master_lives()
