"""The story: observe, plan, execute, observe again; undo whatever does not end well."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from lvsdr import roles, signals
from lvsdr.baseline import Book, Record
from lvsdr.errors import CannotRun, LvsdrError, NotConverged, ProfileError, Stuck
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change, Plan
from lvsdr.model.objects import (
    Address,
    Baseline,
    Key,
    Link,
    Object,
    Objects,
    Sysctl,
    VirtualServer,
    footing,
)
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.model.survey import Survey
from lvsdr.planner import plan, way_back


class Kernel(Protocol):
    """What the story needs of a kernel."""

    def survey(self) -> Survey:
        """Return the host's links, addresses and ARP settings."""

    def observe(self, keys: Collection[Key]) -> Objects:
        """Return those of the objects `keys` that are there."""

    def tenants(self, keys: Collection[Key]) -> Objects:
        """Return the addresses of the links, the real servers of the virtual servers `keys`."""

    def require(self, todo: Plan) -> None:
        """Raise CannotRun where this process cannot carry out such changes."""

    def execute(self, changes: Plan) -> None:
        """Carry out the changes in their order; raise KernelError at the first refused one."""

    def reopen(self) -> None:
        """Start afresh after a failure."""


class Announcer(Protocol):
    """What can tell the segment that a VIP has come."""

    def announce(self, vips: Iterable[IPAddress]) -> None: ...


OpenAnnouncer = Callable[[str], AbstractContextManager[Announcer]]
"""Open an announcer on a link, before anything is changed: it may lack a privilege."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a profile stands on this host: what it wants, what is there, what has to be done.

    `kept` is what would go if it were not for others who use it.
    """

    owner: str
    record: Record
    desired: Objects
    observed: Objects
    baseline: Baseline
    todo: Plan
    kept: tuple[Object, ...] = ()

    @property
    def drift(self) -> Plan:
        """Return what others have done to the profile's objects since lvsdr left them.

        Each `before` is how lvsdr left it, each `after` how it is.
        """
        left = self.record.claims.get(self.owner, {})
        seen = ((claimed, self.observed.get(key)) for key, claimed in left.items())
        return tuple(Change(claimed, now) for claimed, now in seen if claimed != now)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what people have to know of how the plan was made."""
        kept = (f"{item.noun} {item} stays: others use it" for item in self.kept)
        return (*self.record.notes, *kept)


def owner_of(profile: Profile) -> str:
    """Return the name under which the record keeps what a profile claims."""
    return f"{profile.role}:{profile.name}"


def consider(profile: Profile, kernel: Kernel, book: Book) -> Situation:
    """Return where `profile` stands; touch nothing."""
    record = book.load()
    survey = _as_without(owner_of(profile), kernel.survey(), record)
    desired = roles.desired(profile, survey)
    _no_quarrel(profile, desired, record)
    return _situation(profile, desired, kernel, record)


def consider_withdrawing(profile: Profile, kernel: Kernel, book: Book) -> Situation:
    """Return what is between this host and one that `profile` was never applied to."""
    return _situation(profile, {}, kernel, book.load())


def apply(profile: Profile, kernel: Kernel, book: Book, announcer: OpenAnnouncer) -> Situation:
    """Bring the host to `profile`, or leave it as it was and raise; announce what is new.

    Returns how it stood before; its plan has been carried out.
    """
    situation = consider(profile, kernel, book)
    vips = new_vips(situation.todo)
    with _announcing(profile, vips, announcer) as announce:
        converge(situation, kernel, book, announce)
    return situation


def withdraw(profile: Profile, kernel: Kernel, book: Book) -> Situation:
    """Give back what was there before `profile` was first applied; returns how it stood."""
    situation = consider_withdrawing(profile, kernel, book)
    converge(situation, kernel, book, lambda: None)
    return situation


def announce(
    profile: DirectorProfile, kernel: Kernel, announcer: OpenAnnouncer
) -> tuple[IPAddress, ...]:
    """Announce the profile's VIPs; raise CannotRun where this host is not the one to do it."""
    survey = kernel.survey()
    for vip in profile.vips:
        if profile.interface not in survey.links_with(vip):
            # Said by a standby director, it would draw the traffic away from the active one.
            raise CannotRun(
                f"cannot announce {vip}: it is not on {profile.interface} of this host",
                hints=["lvsdr director apply"],
            )
    with announcer(profile.interface) as open_announcer:
        open_announcer.announce(profile.vips)
    return profile.vips


def converge(
    situation: Situation, kernel: Kernel, book: Book, and_then: Callable[[], None]
) -> None:
    """Carry out what has to be done, or leave the host as it was and raise.

    The record is on disk before the first change, so that what was there first is never lost.
    """
    kernel.require(situation.todo)
    with undone_on_failure(situation, kernel, book):
        claimed = situation.record.claim(situation.owner, situation.desired, situation.observed)
        _save(book, situation.record, claimed)
        if situation.todo:
            kernel.execute(situation.todo)
            _must_be_done(situation, kernel)
            and_then()
        _save(book, claimed, claimed.settle(situation.owner, situation.desired))
        # Done: whoever asks us to stop now would be told that it was undone.
        signals.deafen()


@contextmanager
def undone_on_failure(situation: Situation, kernel: Kernel, book: Book) -> Iterator[None]:
    """Take the host back to where it was if the block raises anything at all."""
    try:
        yield
    except BaseException as failure:
        signals.deafen()
        undone = _undo(situation, kernel, failure)
        notes = [_undone_note(undone), *_forget(situation, book)]
        if isinstance(failure, LvsdrError):
            failure.notes += notes
        raise


def new_vips(todo: Plan) -> tuple[IPAddress, ...]:
    """Return the VIPs that a director's plan adds."""
    added = (change.after for change in todo if change.before is None)
    return tuple(item.ip.ip for item in added if isinstance(item, Address))


def _situation(profile: Profile, desired: Objects, kernel: Kernel, record: Record) -> Situation:
    owner = owner_of(profile)
    baseline = record.baseline_of(owner)
    observed = kernel.observe(desired.keys() | baseline.keys())
    kept = _used_by_others(plan(desired, observed, baseline), record, kernel)
    baseline = {key: before for key, before in baseline.items() if key not in kept}
    todo = plan(desired, observed, baseline)
    return Situation(
        owner, record, desired, observed, baseline, todo, tuple(observed[key] for key in kept)
    )


def _no_quarrel(profile: Profile, desired: Objects, record: Record) -> None:
    """Raise ProfileError where another profile of this host wants the same object otherwise.

    Not for sysctls: there the stricter one is right for both.
    """
    for other, objects in record.claims.items():
        for key in objects.keys() & desired.keys() if other != owner_of(profile) else ():
            if objects[key] != desired[key] and key[0] != Sysctl.kind:
                raise ProfileError(
                    f"cannot apply profile {profile.name}: profile {other} has set"
                    f" {desired[key].noun} {objects[key]}, this one wants {desired[key]}",
                    hints=["let only one of them have it, or give both the same name"],
                )


def _used_by_others(todo: Plan, record: Record, kernel: Kernel) -> tuple[Key, ...]:
    """Return what the plan would delete, and with it what no profile has put there."""
    going = {change.key for change in todo if change.after is None}
    floors = {key for key in going if key[0] in (Link.kind, VirtualServer.kind)}
    if not floors:
        return ()
    tenants = kernel.tenants(floors).values()
    foreign = {footing(tenant) for tenant in tenants if tenant.key not in record.baseline}
    return tuple(sorted(floors & foreign, key=str))


def _as_without(owner: str, survey: Survey, record: Record) -> Survey:
    """Return the survey with this profile's own settings taken back in thought.

    What a role wants depends on what the host has of its own: a setting that we raised is not
    the host's, one that somebody raised further is.
    """
    mine = record.claims.get(owner, {})
    own = dict(survey.sysctls)
    for key, before in record.baseline_of(owner).items():
        claimed, seen = mine[key], own.get(str(key[1]))
        if key[0] == "sysctl" and before is not None and seen == getattr(claimed, "value", None):
            own[str(key[1])] = getattr(before, "value")  # noqa: B009
    return replace(survey, sysctls=own)


@contextmanager
def _announcing(
    profile: Profile, vips: tuple[IPAddress, ...], announcer: OpenAnnouncer
) -> Iterator[Callable[[], None]]:
    if not (isinstance(profile, DirectorProfile) and vips):
        yield lambda: None
        return
    with announcer(profile.interface) as open_announcer:
        yield lambda: open_announcer.announce(vips)


def _must_be_done(situation: Situation, kernel: Kernel) -> None:
    observed = kernel.observe(situation.desired.keys() | situation.baseline.keys())
    remaining = plan(situation.desired, observed, situation.baseline)
    if remaining:
        raise NotConverged(
            "the kernel took every change, and yet the host differs",
            notes=[f"{change.sign} {change.subject}" for change in remaining],
        )


def _save(book: Book, before: Record, after: Record) -> None:
    if after != before:
        book.save(after)


def _undo(situation: Situation, kernel: Kernel, failure: BaseException) -> Plan:
    """Return the changes that took the host back; raise Stuck where some were refused too."""
    kernel.reopen()
    keys = [change.key for change in situation.todo]
    back = way_back(situation.observed, kernel.observe(keys), situation.todo)
    refusals = []
    for change in back:
        try:
            kernel.execute((change,))
        except LvsdrError as refused:
            refusals.append(refused.message)
    stuck = way_back(situation.observed, kernel.observe(keys), situation.todo)
    if stuck:
        raise Stuck(
            f"{failure}; undoing it failed too",
            notes=[*refusals, *(f"stuck: {change.sign} {change.subject}" for change in stuck)],
            hints=["mend what is listed, then run the same command again"],
        ) from failure
    return back


def _forget(situation: Situation, book: Book) -> Iterator[str]:
    """Put the old record back; one that claims too much does no harm, so that a note will do."""
    try:
        _save(book, book.load(), situation.record)
    except LvsdrError as error:
        yield error.message


def _undone_note(undone: Plan) -> str:
    if not undone:
        return "nothing was changed; the host is as it was"
    changes = "1 change" if len(undone) == 1 else f"{len(undone)} changes"
    return f"{changes} undone; the host is as it was"
