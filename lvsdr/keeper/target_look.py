"""How packets reach the real servers: looked up at once, or in a thread where that takes long.

Of ten thousand real servers it takes half a second, of more of them seconds, in which nobody would
be checked: each minute, and whenever somebody has changed an address or a route of this host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from lvsdr.core.kernel_interface import Kernel
from lvsdr.keeper.background_look import LONG, BackgroundLook
from lvsdr.keeper.check_targets import Target, packets, targets
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.profile import DirectorProfile


class TargetLook(Closing):
    """Looks up the targets of one profile by `kernel`, or in `background` where that takes long."""

    def __init__(
        self,
        kernel: Kernel,
        background: BackgroundLook | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._kernel, self._background, self._clock = kernel, background, clock
        self._took = 0.0
        self._profile: DirectorProfile | None = None
        self._found: Sequence[Target] = ()
        self._again = False

    def now(self, profile: DirectorProfile) -> Sequence[Target]:
        """Return the targets; raises LvsdrError."""
        begun = self._clock()
        found = _targets(profile, self._kernel)
        self._took = self._clock() - begun
        # What is under way there is older than this.
        self._profile, self._again = None, False
        return found

    def has_begun(self, profile: DirectorProfile) -> bool:
        """Look them up in the background, and say so; where that is not worth it, do nothing."""
        if self._background is None or self._took < LONG:
            return False
        if self._background.is_under_way:
            self._again = True
            return True
        self._profile = profile

        def look(kernel: Kernel) -> bool:
            self._found = _targets(profile, kernel)
            return True

        self._background.begin([look])
        return True

    def ended(self, profile: DirectorProfile | None) -> Sequence[Target] | None:
        """Return the targets of `profile` once they have been looked up in the background.

        Raises LvsdrError where they have to be looked up at once, and cannot be.
        """
        well = None if self._background is None else self._background.ended()
        if well is None:
            return None
        found, self._found = self._found, ()
        asked, self._profile = self._profile, None
        if profile is None or asked is not profile:
            return None
        if not well:
            # Why it could not be looked up is told by looking once more.
            return self.now(profile)
        if self._again:
            self._again = False
            self.has_begun(profile)
            return None
        return found

    def filenos(self) -> Sequence[int]:
        """Return what can be read once they have been looked up."""
        return () if self._background is None else (self._background.fileno(),)

    def close(self) -> None:
        """Wait for what is under way."""
        if self._background is not None:
            self._background.close()


def _targets(profile: DirectorProfile, kernel: Kernel) -> Sequence[Target]:
    # Others' programs are none of its business.
    host = kernel.inspect(lambda _: packets(profile), table=False, others=False)
    return targets(profile, host)
