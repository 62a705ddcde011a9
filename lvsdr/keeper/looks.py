"""When it is looked at the host: at once where the kernel tells of a change, else now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf
from time import monotonic
from typing import Protocol

from lvsdr.core.kernel_interface import Kernel
from lvsdr.errors import CannotRun, LvsdrError
from lvsdr.keeper.background_look import LONG, BackgroundLook
from lvsdr.keeper.keep_host import Busy, HostKeeper
from lvsdr.keeper.service_manager import ServiceManager
from lvsdr.keeper.told import LOOK, RELOAD, Noticed
from lvsdr.model.route_event import RouteEvent

# So long after the first of many changes it is looked: most of a burst has come by then.
BURST = 0.02
# How soon after a look, in times of what it took, the next one comes at the earliest, and at most.
REST, LONGEST_REST = 9.0, 0.5
# How soon it is looked again after another lvsdr had the lock.
BUSY_FOR = 0.1


class Notices(Protocol):
    """What tells of changes that others have made; `kernel.netlink.route_events` does."""

    def fileno(self) -> int: ...
    def events(self) -> Sequence[RouteEvent]: ...


class Looking(Protocol):
    """What has to know that it was looked: the checks of real servers."""

    @property
    def state(self) -> str:
        """Return in a few words how it stands."""

    def looked(self, now: float, *, changed: bool) -> None:
        """Take it that the host was looked at; `changed`: somebody has changed something."""


class Looks:
    """A part of the resident's loop: the `keepers` look, each in its turn.

    `every` is how many seconds there are from look to look, `patience` how many another lvsdr may
    have the lock until that is told. With `background` a look that takes long, and that nobody's
    change has brought, is made there first.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - each is told or asked at every look
        self,
        keepers: Iterable[HostKeeper],
        kernel: Kernel,
        notices: Notices,
        noticed: Noticed,
        service: ServiceManager,
        every: float,
        patience: float = 10.0,
        clock: Callable[[], float] = monotonic,
        background: BackgroundLook | None = None,
    ) -> None:
        self._background = background
        self._took = 0.0
        # Whether it has been looked since what is under way in the background was begun.
        self._outdated = False
        self._keepers = tuple(keepers)
        self._kernel = kernel
        self._notices = notices
        self._noticed = noticed
        self._service = service
        self._every = every
        self._patience = patience
        self._clock = clock
        self._next = clock() + every
        self._earliest = 0.0
        self._to_reload: list[HostKeeper] = []
        self._changed = False
        self.parts: list[Looking] = []
        self._busy_since: float | None = None

    def reload(self) -> None:
        """Read the profiles again, and apply them, as soon as nobody else is at work."""
        self._service.reloading()
        self._to_reload = list(self._keepers)
        self._next = self._clock()

    def soon(self) -> None:
        """Look soon: something may have changed."""
        self._next = min(self._next, max(self._clock() + BURST, self._earliest))

    def tell_state(self) -> None:
        """Tell the service manager in one line what the matter is."""
        said = [f"{each.kept.owner}: {each.told.state}" for each in self._keepers]
        self._service.status("; ".join(filter(None, (*said, *(it.state for it in self.parts)))))

    def filenos(self) -> Sequence[int]:
        """Return the descriptors of the notices, and of the end of a look."""
        others = () if self._background is None else (self._background.fileno(),)
        return (self._notices.fileno(), *others)

    def due(self) -> float | None:
        """Return when the next look is due; None while it is looked in the background."""
        return self._next if self._next < inf else None

    def turn(self, now: float) -> None:
        """Hear what others have done, and look where it is time to."""
        heard = self._notices.events()
        if heard:
            self._noticed.take(heard)
            self._changed = True
            self.soon()
        self._heed_background(now)
        if now >= self._next and not self._begun_in_background():
            self._look(now)

    def _heed_background(self, now: float) -> None:
        """Take what a look has found there; where something is to be done, look soon."""
        well = None if self._background is None else self._background.ended()
        if well is None or self._outdated or self._changed:
            return
        try:
            for keeper in self._keepers if well else ():
                keeper.found_as_kept(now)
        except LvsdrError:
            # It is told by the look that follows.
            well = False
        if well:
            self._looked(self._clock(), busy=False, well=True)
        else:
            self._look(now)

    def _begun_in_background(self) -> bool:
        """Begin to look there; return whether that was to be done."""
        background = self._background
        if background is None or background.is_under_way or self._took < LONG:
            return False
        if self._changed or self._to_reload:
            # Whoever has changed something is not kept waiting for it.
            return False
        try:
            looks = [each.as_kept() for each in self._keepers]
        except LvsdrError:
            # It is told by the look that follows.
            return False
        begun = [each for each in looks if each is not None]
        if len(begun) < len(looks):
            return False
        background.begin(begun)
        self._outdated, self._next = False, inf
        return True

    def _look(self, now: float) -> None:
        busy = self._reload()
        well = True
        for keeper in self._keepers:
            try:
                keeper.look(now)
            except Busy as held:
                busy, well = True, False
                self._tell_of_long_work(keeper, held, now)
            except LvsdrError as failure:
                self._failed(keeper, failure, now)
                well = False
        if not busy:
            self._busy_since = None
        end = self._clock()
        self._took, self._outdated = end - now, True
        self._earliest = end + min(LONGEST_REST, REST * self._took)
        self._looked(end, busy=busy, well=well)

    def _looked(self, end: float, *, busy: bool, well: bool) -> None:
        self._next = end + (BUSY_FOR if busy else self._every)
        if well:
            self._noticed.all_is_well()
        for part in self.parts:
            part.looked(end, changed=self._changed)
        self._changed = False
        self.tell_state()

    def _reload(self) -> bool:
        """Reload what is to be; return whether another lvsdr was at work."""
        waiting: list[HostKeeper] = []
        asked, self._to_reload = self._to_reload, waiting
        for keeper in asked:
            try:
                keeper.reload()
            except Busy:
                waiting.append(keeper)
            except LvsdrError as failure:
                # The old profile is kept.
                self._kernel.reopen()
                keeper.told.failed(RELOAD, failure)
            else:
                keeper.told.well(RELOAD)
        if asked and not waiting:
            self._service.ready()
        return bool(waiting)

    def _tell_of_long_work(self, keeper: HostKeeper, held: Busy, now: float) -> None:
        """Tell who has the lock, where he has had it for long: nothing is kept meanwhile."""
        if self._busy_since is None:
            self._busy_since = now
        if now - self._busy_since >= self._patience:
            keeper.told.failed(LOOK, CannotRun(str(held)))

    def _failed(self, keeper: HostKeeper, failure: LvsdrError, now: float) -> None:
        # Half an answer may be waiting in its sockets.
        self._kernel.reopen()
        keeper.failed(failure, now)
