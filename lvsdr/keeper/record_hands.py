"""Real servers taken out of the table and put back, as the record of this host has it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice

from lvsdr.core.book import Book
from lvsdr.core.health_state import plan_down, set_down
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.out_of_service import OutOfService, out_of_service
from lvsdr.errors import CannotRun, LvsdrError
from lvsdr.keeper.director_health import Changes
from lvsdr.keeper.kept_profile import KeptProfile, State
from lvsdr.model.ipvs import RealServer
from lvsdr.model.objects import Key
from lvsdr.model.profile import DirectorProfile


class RecordHands:
    """Takes real servers out of the table, and puts them back, as the record says it."""

    def __init__(self, kept: KeptProfile, kernel: Kernel, book: Book) -> None:
        self._kept, self._kernel, self._book = kept, kernel, book
        self._profile: DirectorProfile | None = None
        self._servers: Mapping[Key, RealServer] = {}

    def out(self) -> OutOfService:
        """Return who is down because of checks, and who is drained."""
        return out_of_service(self._kept.owner, self._book.load(folding=True))

    def warm_up(self) -> None:
        """Go once through what a change takes, and change nothing.

        What is made when it is first needed would take longer than all the rest, while clients are
        still sent to whoever has died.
        """
        profile, servers = self._known()
        some = dict.fromkeys(islice(servers, 1))
        with suppress(LvsdrError):
            plan_down(profile, some, self._kernel, self._book, servers)

    def carry_out(self, changes: Changes) -> None:
        """Take out, or put back; raises LvsdrError, also where another lvsdr is at work."""
        # The others' turns must not wait for whoever has the lock.
        with self._book.locked(0.0):
            # Since the last look it may have been withdrawn, or another one applied.
            wish = self._kept.wish()
            if wish.state is State.NOTHING:
                raise CannotRun(wish.reason)
            profile, servers = self._known()
            try:
                set_down(profile, changes, self._kernel, self._book, servers)
            except LvsdrError:
                # Half an answer may be waiting in its sockets.
                self._kernel.reopen()
                raise
            self._kept.written()

    def _known(self) -> tuple[DirectorProfile, Mapping[Key, RealServer]]:
        """Return the profile, and its real servers by their keys: of many, sought once."""
        profile = self._kept.profile
        assert isinstance(profile, DirectorProfile), "only a director has health checks"
        if profile is not self._profile:
            self._profile, self._servers = profile, {it.key: it for it in profile.real_servers}
        return profile, self._servers
