"""Health checks as a part of a director's resident: what they find is carried out, and told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import time
from typing import Protocol

from lvsdr.core.out_of_service import OutOfService
from lvsdr.errors import LvsdrError
from lvsdr.keeper import health_words
from lvsdr.keeper.check_targets import NO_VIP, Target
from lvsdr.keeper.checker import OpenCheckers
from lvsdr.keeper.health_telling import HealthTelling
from lvsdr.keeper.outages import Services
from lvsdr.keeper.path_states import Sight
from lvsdr.keeper.rounds_of_checks import CheckRounds
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.health import Down
from lvsdr.model.health_event import HealthEvent
from lvsdr.model.objects import Key
from lvsdr.model.profile import DirectorProfile

# What could not be carried out is tried again after so many seconds: another lvsdr is at work for a
# moment.
_AGAIN = 0.1
# After a change as much time passes as it took, and not more than this, until the next: where many
# die, most of them go in one batch.
_LONGEST_REST = 0.5

Changes = Mapping[Key, Down | None]


class Hands(Protocol):
    """What the host's record says of who is out of service, and what changes that."""

    def out(self) -> OutOfService:
        """Return who is down because of checks, and who is drained."""

    def carry_out(self, changes: Changes) -> None:
        """Take out, or put back, in one batch; raises LvsdrError, and nothing is changed."""


class DirectorHealth(Closing):
    """The checks of one profile, whose `targets` are asked by what `open_checkers` opens.

    `tell` gets each event. Where nothing is checked it rests. By `clock` it is known what carrying
    out has taken, and whether this process was stopped.
    """

    def __init__(
        self,
        hands: Hands,
        tell: Callable[[HealthEvent], None],
        open_checkers: OpenCheckers,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._hands, self._open, self._clock = hands, open_checkers, clock
        self._told = HealthTelling(tell)
        self._rounds: CheckRounds | None = None
        self._services: Services | None = None
        self._count = 0
        self._retry: float | None = None
        self._not_before = 0.0
        self._sightless: tuple[str, ...] = ()
        self._unasked: set[Key] = set()

    def begin(self, profile: DirectorProfile, targets: Sequence[Target], now: float) -> None:
        """Check `targets` from now on; what is known of those that were checked before is kept."""
        self._told.use(profile)
        self._count = len(profile.real_servers)
        asked = tuple(each for each in targets if each.can_be_asked)
        others = [each for each in targets if not each.can_be_asked]
        self._told.unchecked(others)
        # What this host lacks now, as an address of its own, says nothing good of anybody.
        unasked = {each.key for each in others if each.route != NO_VIP}
        self._unasked = unasked - {each.key for each in asked}
        services = Services(profile)
        if self._rounds is not None and asked == self._rounds.targets:
            self._services = services
            return
        out = self._hands.out().down
        down = {n: out[it.key].why for n, it in enumerate(asked) if it.key in out}
        if self._rounds is not None:
            down.update(self._rounds.still_down(asked))
            # They are behind something else by now, where nobody has been heard yet.
            self._sightless = tuple({*self._sightless, *self._rounds.states.blind})
        self.close()
        self._services = services
        if asked:
            self._rounds = CheckRounds(asked, self._open(asked), now, down, self._clock)
        # What is not checked any more comes back.
        checked = self._unasked.union(it.key for it in asked)
        self._retry = now if out.keys() - checked else None

    def filenos(self) -> Sequence[int]:
        """Return the descriptors that ask for a turn once they can be read."""
        return () if self._rounds is None else self._rounds.filenos()

    def due(self) -> float | None:
        """Return when a turn is due though there is nothing to be read."""
        retry = None if self._retry is None else max(self._retry, self._earliest())
        times = [retry, None if self._rounds is None else self._rounds.due()]
        return min((each for each in times if each is not None), default=None)

    def turn(self, now: float) -> None:
        """Ask and listen; carry out what has come about."""
        if self._rounds is not None:
            if self._rounds.turn(now):
                self._retry = now
            self._tell_sight()
        if self._retry is not None and now >= max(self._retry, self._earliest()):
            self._settle(now)
            if self._clock is not None:
                end = self._clock()
                self._not_before = end + min(_LONGEST_REST, end - now)

    def _earliest(self) -> float:
        """Return when a change may be carried out: where many die, they go in one batch."""
        others = float("-inf") if self._rounds is None else self._rounds.decided_by()
        return max(self._not_before, others)

    def look_again(self, now: float) -> None:
        """Settle it once more: the record, or the table, was changed by others."""
        self._retry = now

    def nobody_is_checked(self, profile: DirectorProfile) -> None:
        """Rest: `profile` has no checks, and nobody is out for one."""
        self._told.use(profile)
        self._told.out_are(())
        self.close()

    def close(self) -> None:
        """Give back what the checkers have opened."""
        if self._rounds is not None:
            self._rounds.close()
            self._rounds = None

    @property
    def failing(self) -> dict[Key, str]:
        """Return which real servers do not serve on one of their paths, and why."""
        return {} if self._rounds is None else self._rounds.failing()

    @property
    def state(self) -> str:
        """Return in a few words how it stands."""
        sides = () if self._rounds is None else self._rounds.states.blind
        try:
            down = len(self._hands.out().down)
        except LvsdrError as failure:
            return failure.message
        said = f"{down} of {self._count} real servers down"
        return f"{said}; blind: {', '.join(map(health_words.place, sides))}" if sides else said

    def _settle(self, now: float) -> None:
        """Carry out what follows from who fails; what cannot be is tried again."""
        self._retry = None
        if self._services is None:
            return
        try:
            out = self._hands.out()
            unasked = {key: out.down[key].why for key in self._unasked & out.down.keys()}
            failing = {**unasked, **self.failing}
            outages = self._services.outages(failing, out.down, out.drained, int(time()))
            if outages.changes:
                self._hands.carry_out(outages.changes)
        except LvsdrError as failure:
            self._retry = now + _AGAIN * (10 if self._told.stuck else 1)
            self._told.failed(failure.message)
            return
        self._told.carried_out()
        self._told.out_are(out.down.keys() | outages.changes.keys())
        self._told.changes(outages, self._services.checked)

    def _tell_sight(self) -> None:
        assert self._rounds is not None, "somebody has been asked"
        sights = self._rounds.sights()
        if self._sightless and self._rounds.states.has_heard:
            sights += [(side, Sight.SEES) for side in self._sightless]
            self._sightless = ()
        self._told.sights(sights)
        self._told.late(self._rounds.late)
