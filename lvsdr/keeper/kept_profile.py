"""The profile that is kept: as it was applied last, as long as it is, and in which of its states.

Nobody's decision is undone: what was withdrawn by hand is not kept until it is applied again, what
somebody else has applied is what is kept from then on, and keepalived says who is the director.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from enum import Enum
from operator import itemgetter
from pathlib import Path

from lvsdr.core.book import Book
from lvsdr.core.failed_applies import failure_written_down
from lvsdr.core.record import Record, owner_of
from lvsdr.core.renamed_links import following
from lvsdr.errors import LvsdrError, ProfileError
from lvsdr.keepalived.standby_state import last_notice, stands_by
from lvsdr.keepalived.vrrp_states import Notice
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.late_dataclasses import dataclass, replace
from lvsdr.model.objects import NOTHING, Address, Objects
from lvsdr.model.profile import DirectorProfile, Profile

Stat = tuple[int, int, int]


class State(Enum):
    """What of a profile is kept at present."""

    WHOLE = "what apply makes of the host"
    STANDBY = "what a standby has"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is kept, and why it is nothing."""

    state: State
    reason: str = ""


class KeptProfile:
    """The profile of `file`; `read` reads one, and raises ProfileError.

    With `follows`, this process carries out what keepalived says, and nothing is done before it has
    said something; `rests` says why nothing is to be done on keepalived's account.
    """

    def __init__(
        self,
        file: Path,
        read: Callable[[Path], Profile],
        book: Book,
        *,
        follows: bool = False,
        rests: Callable[[], str] = str,
    ) -> None:
        self.file = file
        self._read = read
        self._book = book
        self._follows = follows
        self._rests = rests
        self.profile = read(file)
        self.owner = owner_of(self.profile)
        self._stat: Stat | None = None
        self._known = False
        self._claims: Objects = NOTHING
        self._mark: object = None
        self._unreadable = ""

    def read_again(self) -> Profile:
        """Return what the file says by now; raises ProfileError, also for one of another name."""
        return self._named_so(self._read(self.file), self.file)

    def first_wish(self) -> Wish:
        """Return what is to become of the host at the start, whatever it is like."""
        wish = self._by_keepalived()
        return wish or Wish(State.WHOLE)

    def wish(self) -> Wish:
        """Return what is kept, by what keepalived and the record say; raises CannotRun."""
        wish = self._by_keepalived()
        self._look_at_record()
        if wish is not None:
            return wish
        if self._unreadable:
            return Wish(State.NOTHING, self._unreadable)
        if not self._known:
            return Wish(State.NOTHING, "it was withdrawn: nothing is kept until it is applied")
        standby = isinstance(self.profile, DirectorProfile) and _of_a_standby(
            self.profile, self._claims
        )
        return Wish(State.STANDBY if standby else State.WHOLE)

    def take(self, profile: Profile) -> None:
        """Keep `profile` from now on: it has been applied."""
        self.profile = profile
        self.written()
        # What the record knows by now need not be in memory, nor be compared one by one.
        with suppress(LvsdrError):
            read = self._read(self.file)
            if isinstance(read, DirectorProfile) and isinstance(profile, DirectorProfile):
                self.profile = read if read.text == profile.text and read.text else profile

    def failure_written_down(self) -> AbstractContextManager[None]:
        """Return in what an apply is done, so that it is known that it failed; the lock is held."""
        return failure_written_down(self.owner, self.file, self._book)

    def written(self) -> None:
        """Take the record for known: it was written by ourselves."""
        self._take(self._book.load(folding=True), self._now())

    @property
    def is_overtaken(self) -> bool:
        """Return whether somebody else has written the record since it was looked at."""
        return self._now() != self._stat

    def is_master(self) -> bool:
        """Return whether keepalived said MASTER last."""
        said = self._said()
        return said is not None and said.is_master

    def renamed(self, host: Host) -> tuple[str, ...]:
        """Return what is to be known of links that have another name by now."""
        return following(self._book.load(folding=True), host.links).notes

    def _named_so(self, profile: Profile, file: Path) -> Profile:
        """Return a profile of the name that is kept, or raise ProfileError."""
        if owner_of(profile) == self.owner:
            return profile
        kept = self.owner.partition(":")[2]
        raise ProfileError(
            f"cannot keep {file} by its new name {profile.name}: {kept} is kept",
            hints=["withdraw the old one first, and start the keeper anew for the new one"],
        )

    def _said(self) -> Notice | None:
        if not isinstance(self.profile, DirectorProfile):
            return None
        if not (self._book.root / f"{self._book.namespace}.keepalived").exists():
            return None
        return last_notice(self.file, self.profile, self._book)

    def _by_keepalived(self) -> Wish | None:
        """Return what keepalived has to say; None where it has nothing."""
        if reason := self._rests():
            return Wish(State.NOTHING, reason)
        if not isinstance(self.profile, DirectorProfile):
            return None
        said = self._said()
        if said is None:
            unheard = "keepalived has said nothing yet"
            return Wish(State.NOTHING, unheard) if self._follows else None
        if not said.settled and (self._follows or said.is_master):
            return Wish(State.NOTHING, f"{said} is not carried out yet")
        if stands_by(said) or (self._follows and not said.is_master):
            return Wish(State.STANDBY)
        return None

    def _look_at_record(self) -> None:
        """Read the profile again where somebody else has applied one of its name since."""
        now = self._now()
        if now == self._stat and not self._unreadable:
            return
        record = self._book.load(folding=True)
        if self.owner in record.claims and self._mark_of(record) != self._mark:
            origin = record.origins.get(self.owner)
            file = self.file if origin is None else Path(origin.file)
            try:
                self.profile = self._named_so(self._read(file), file)
            except LvsdrError as failure:
                # What was applied is not to be undone for what was applied before it.
                self._unreadable = f"what was applied cannot be read: {failure.message}"
                self._known = True
                return
            self.file = file
        self._unreadable = ""
        self._take(record, now)

    def _take(self, record: Record, now: Stat | None) -> None:
        self._stat, self._mark = now, self._mark_of(record)
        self._claims = record.claims.get(self.owner, NOTHING)
        self._known = self.owner in record.claims

    def _mark_of(self, record: Record) -> object:
        """Return by what it is known that the profile was applied: when, from where, which text.

        A drain writes the record too, and says nothing of the profile. Of a small file the record
        has no text; and within a second there may be two that are applied.
        """
        origin, text = record.origins.get(self.owner), record.texts.get(self.owner)
        if self.owner not in record.claims:
            return None
        applied = None if origin is None else (origin.file, origin.applied, origin.checks)
        return applied, text or _but_for_weights(record.claims[self.owner])

    def _now(self) -> Stat | None:
        try:
            seen = self._book.path.stat()
        except OSError:
            return None
        return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _but_for_weights(claims: Objects) -> Objects:
    return {
        key: replace(each, weight=0) if isinstance(each, RealServer) else each
        for key, each in claims.items()
    }


def _of_a_standby(profile: DirectorProfile, claims: Objects) -> bool:
    """Return whether the record has a standby: no VIP of ours, and no daemon of a director's."""
    if profile.vips_owner == "lvsdr" and profile.vips:
        return Address.kind not in map(itemgetter(0), claims)
    return {each.state for each in claims.values() if isinstance(each, SyncDaemon)} == {"backup"}
