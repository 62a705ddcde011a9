"""What a keeper tells people: each thing once, and once when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from lvsdr.errors import LvsdrError
from lvsdr.model.change import Change
from lvsdr.model.keep_event import KeepEvent
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.objects import Address, Key, Link, Route
from lvsdr.model.route_event import RouteEvent

# Of a table that somebody has cleared, so many lines say it.
MOST = 20
# What others do is remembered until it is repaired; of a storm, no more than this.
REMEMBERED = 1000
# A port that is no process's number is above.
LARGEST_PID = 1 << 22

Tell = Callable[[KeepEvent], None]


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did to an object: when, and who it was, as far as that is known."""

    when: datetime
    who: str


class Noticed:
    """What others have done of late, as the kernel told it."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._deeds: dict[Key, Deed] = {}
        self._now = now
        self.good = now()

    def take(self, events: Iterable[RouteEvent]) -> None:
        """Remember the first that was done to each object: that is what undid it."""
        for event in events:
            key = _key(event)
            if key is not None and len(self._deeds) < REMEMBERED:
                self._deeds.setdefault(key, Deed(self._now(), _who(event)))

    def all_is_well(self) -> None:
        """Forget all: whatever was done, nothing of it matters."""
        self._deeds.clear()
        self.good = self._now()

    def of(self, change: Change) -> Deed | None:
        """Return what somebody did to the object of `change`, or to what holds it."""
        keys = (change.key, change.subject.parent_key)
        places = ((*key[:2], "") if key[0] == Route.kind else key for key in keys if key)
        return next((self._deeds[key] for key in places if key in self._deeds), None)


class Told:
    """Tells by `tell` of the profile `owner`; of what stays, only that it begins and ends."""

    def __init__(self, owner: str, tell: Tell, noticed: Noticed) -> None:
        self.owner = owner
        self._tell = tell
        self._noticed = noticed
        self._failures: dict[str, str] = {}
        self._rests = ""
        self.repairs = 0
        self.last: datetime | None = None

    def done(self, changes: Sequence[Change], *, afresh: bool) -> None:
        """Tell what was done: `afresh`, because somebody applies it, else since others undid it."""
        for change in changes[:MOST]:
            self._tell(self._applied(change) if afresh else self._repaired(change))
        if len(changes) > MOST:
            rest = f"and {len(changes) - MOST} changes more"
            self._tell(KeepEvent("LEFT-OUT", "notice", self.owner, rest))
        if changes and not afresh:
            self.repairs += len(changes)
            self.last = datetime.now(UTC)

    def announced(self, vips: Iterable[object]) -> None:
        """Tell which VIPs the segment was told of."""
        for vip in vips:
            self._tell(KeepEvent("ANNOUNCED", "notice", self.owner, f"announced {vip}"))

    def fight(self, change: Change, pause: float) -> None:
        """Tell that an object is left to whoever undoes what is repaired."""
        deed = self._noticed.of(change)
        seen = "gone" if change.before is None else f"{change.before.detail}"
        self._tell(
            KeepEvent(
                "FIGHT",
                "error",
                self.owner,
                f"{change.subject.noun} {change.subject.title} is undone again and again: left as"
                f" the other one has it ({seen}), and tried again in {pause:.0f} s",
                change,
                None if deed is None else deed.when,
                exactly=deed is not None,
                who="" if deed is None else deed.who,
                look="which program sets it; let only one of the two have it",
            )
        )

    def peace(self, title: str) -> None:
        """Tell that what was fought about has stayed."""
        self._tell(KeepEvent("PEACE", "notice", self.owner, f"{title} has stayed for a minute"))

    def failed(self, place: str, failure: LvsdrError, kind: str = "REFUSED") -> None:
        """Tell what cannot be done, unless the same was told of this `place` last."""
        if self._failures.get(place) == failure.message:
            return
        self._failures[place] = failure.message
        notes = "".join(f"; {note}" for note in failure.notes)
        look = "; ".join(failure.hints)
        taken = kind == "TAKEN"
        self._tell(
            KeepEvent(
                "TAKEN" if taken else "REFUSED",
                "error",
                self.owner,
                failure.message + notes,
                look=look,
            )
        )

    def well(self, place: str) -> None:
        """Tell that what could not be done can be done again, where that was told."""
        if self._failures.pop(place, None) is not None:
            said = AGAIN.get(place, f"{place}: no more")
            self._tell(KeepEvent("AGAIN", "notice", self.owner, said))

    def note(self, message: str) -> None:
        """Tell what people have to know."""
        self._tell(KeepEvent("KEEPING", "notice", self.owner, message))

    def rests(self, reason: str) -> None:
        """Tell that nothing is kept, and why, where that is new; an empty reason: it is kept."""
        if reason == self._rests:
            return
        if reason:
            self._tell(KeepEvent("RESTING", "warning", self.owner, reason))
        else:
            self._tell(KeepEvent("KEEPING", "notice", self.owner, "it is kept again"))
        self._rests = reason

    @property
    def state(self) -> str:
        """Return in a few words what the matter is."""
        trouble = self._rests or next(iter(self._failures.values()), "")
        if trouble:
            return trouble
        last = "" if self.last is None else f", the last at {self.last:%Y-%m-%dT%H:%M:%SZ}"
        return f"as its profile says; {self.repairs} repairs{last}"

    def _applied(self, change: Change) -> KeepEvent:
        return KeepEvent("APPLIED", "notice", self.owner, _line(change), change)

    def _repaired(self, change: Change) -> KeepEvent:
        deed = self._noticed.of(change)
        since, exactly, who = (
            (self._noticed.good, False, "") if deed is None else (deed.when, True, deed.who)
        )
        line = _line(change)
        return KeepEvent("REPAIRED", "notice", self.owner, line, change, since, exactly, who)


# Places, and what is said once nothing is the matter there any more.
LOOK, RELOAD = "look", "reload"
AGAIN = {
    LOOK: "it is as its profile says again",
    RELOAD: "the profile was read again, and is kept as it is now",
}


def _line(change: Change) -> str:
    was = f", was {change.before.detail}" if change.before and change.sign == "~" else ""
    return f"{change.sign} {change.subject.noun} {change.subject}{was}"


def _key(event: RouteEvent) -> Key | None:
    if event.what == "address":
        return (Address.kind, event.subject, event.link)
    if event.what == "route":
        return (Route.kind, event.subject, "")
    return (Link.kind, event.link) if event.what == "link" else None


def _who(event: RouteEvent) -> str:
    if event.who:
        return f"{event.who} (process {event.port})"
    return f"process {event.port}" if 0 < event.port < LARGEST_PID else ""


def titles(changes: Iterable[Change]) -> Iterator[tuple[Key, str]]:
    """Yield the key of each object with its name."""
    yield from ((each.key, f"{each.subject.noun} {each.subject.title}") for each in changes)
