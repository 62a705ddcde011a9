"""VIPs that are back are announced at once, and again a little later: frames get lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from time import monotonic

from lvsdr.core.announced_vips import Announcer, OpenAnnouncer
from lvsdr.core.kernel_interface import Kernel
from lvsdr.errors import LvsdrError
from lvsdr.model.address import IPAddress
from lvsdr.model.profile import DirectorProfile, Profile

# As `apply` does, and once more when whoever had learnt something else has had time to say so.
AGAIN = (0.1, 0.2, 1.0)


class Announcements:
    """Announces by `open_announcer`, again and again for a second, as long as the VIPs are here."""

    def __init__(
        self,
        kernel: Kernel,
        open_announcer: OpenAnnouncer,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._kernel = kernel
        self._open = open_announcer
        self._clock = clock
        self._later: list[tuple[float, str, tuple[IPAddress, ...]]] = []

    def opened(
        self, profile: Profile, vips: Sequence[IPAddress]
    ) -> AbstractContextManager[Announcer | None]:
        """Give what announces `vips`; None where there is nothing to announce.

        It is opened before anything is changed: it may lack a privilege.
        """
        if isinstance(profile, DirectorProfile) and vips:
            return self._open(profile.interface)
        return nullcontext()

    def again(self, profile: Profile, vips: tuple[IPAddress, ...]) -> None:
        """Announce `vips` again soon."""
        now = self._clock()
        link = profile.interface
        self._later = sorted([*self._later, *((now + each, link, vips) for each in AGAIN)])

    def filenos(self) -> Sequence[int]:
        """Return nothing: it waits for nobody."""
        return ()

    def due(self) -> float | None:
        """Return when the next announcement is due."""
        return self._later[0][0] if self._later else None

    def turn(self, now: float) -> None:
        """Announce what is due; of what has gone again it is not ours to speak."""
        due = [each for each in self._later if each[0] <= now]
        self._later = self._later[len(due) :]
        for _, link, vips in due:
            try:
                host = self._kernel.read_host()
                here = [vip for vip in vips if link in host.links_with(vip)]
                if here:
                    with self._open(link) as announcer:
                        announcer.announce(here, count=1)
            except LvsdrError:
                # The link has gone, or is down: who repairs that announces again.
                self._kernel.reopen()
