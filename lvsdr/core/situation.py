"""Where a profile stands on this host: what it wants, what is there, what has to be done."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lvsdr.core.book import Book
from lvsdr.core.both_roles import DirectorVip, left_to_director
from lvsdr.core.giving_back import half_given_back, held_by_others, left_to_others, without
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.plan_order import Order, by_layers, to_stand_by
from lvsdr.core.planner import plan, planned_keys
from lvsdr.core.record import Record, owner_of
from lvsdr.model.change import Change, Kept, Plan
from lvsdr.model.host import Host
from lvsdr.model.ipvs import VirtualServer
from lvsdr.model.objects import (
    NOTHING,
    Address,
    Baseline,
    Key,
    Link,
    Objects,
    ProxyNeighbour,
    Sysctl,
)
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.profile import roles

# What others may depend on: addresses on a link, real servers on a virtual server.
PARENTS = frozenset({Link.kind, VirtualServer.kind})


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a profile stands on this host: what it wants, what is there, what has to be done.

    `in_use` is what would be deleted if others did not use it, `kept` what else is let go of and
    does not become what it was before. `drained` are those of the
    profile's real servers that have weight 0 whatever it says. Where it is `partial`, the profile's
    other objects stay as they are. `director_vips` are left to the director's profile.
    """

    owner: str
    record: Record
    desired: Objects
    observed: Objects
    baseline: Baseline
    todo: Plan
    in_use: tuple[Kept, ...] = ()
    kept: tuple[Kept, ...] = ()
    drained: frozenset[Key] = frozenset()
    partial: bool = False
    director_vips: tuple[DirectorVip, ...] = ()

    @property
    def record_before(self) -> Record:
        """Return the record to write before the first change."""
        half = half_given_back(self.todo, self.desired)
        return self.record.claim(self.owner, self.desired, self.observed, self.drained, half)

    def record_after(self, before: Record) -> Record:
        """Return the record to write after the last change; `before` is on disk until then."""
        others = self.record.claims.get(self.owner, {}) if self.partial else {}
        return before.settle(self.owner, {**others, **self.desired} if others else self.desired)

    @property
    def drift(self) -> Plan:
        """Return what others have done to the profile's objects since lvsdr left them.

        Each `before` is how lvsdr left it, each `after` how it is.
        """
        left = self.record.claims.get(self.owner, {})
        # What is no longer wanted, and another profile claims as well, has not been looked at.
        looked = self.desired.keys() | self.baseline.keys()
        seen = ((left[key], self.observed.get(key)) for key in left if key in looked)
        return tuple(Change(claim, now) for claim, now in seen if claim != now)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what people have to know of how the plan was made."""
        drained = (
            f"{self.desired[key].noun} {self.desired[key].title} is drained: weight 0 until"
            f" lvsdr director drain --undo --rip {key[-2]}"
            for key in sorted(self.drained & self.desired.keys(), key=str)
        )
        in_use = map(str, self.in_use)
        return (*self.record.notes, *map(str, self.director_vips), *in_use, *drained)


def plan_apply(  # noqa: PLR0913, PLR0917 - what is wanted where, and what is known of it already
    profile: Profile,
    kernel: Kernel,
    book: Book,
    director: DirectorProfile | None = None,
    order: Order = by_layers,
    host: Host | None = None,
) -> Situation:
    """Return what is between this host and what `profile` wants of it; touch nothing.

    On a host that is both, `director` is the director's profile: the VIPs on its link are no fault
    of the real server; nor are those of which the record says that a director's profile has them.
    With `host`, what was read of this host, it is not read again.
    """
    record, owner = book.load(), owner_of(profile)
    seen = record.host_without(owner, kernel.read_host() if host is None else host)
    own, vips = left_to_director(profile, seen, record, director)
    desired = record.with_drained(owner, roles.desired(profile, own))
    baseline = record.baseline_of(owner, roles.must_be_absent(profile, desired))
    situation = situation_of(owner, desired, baseline, kernel, record, order)
    return replace(situation, director_vips=vips)


def plan_standby(profile: DirectorProfile, kernel: Kernel, book: Book) -> Situation:
    """Return what is between this host and one that stands by while another is the director.

    Whoever had a table before lvsdr had it for a director, and a standby is none: it is not given
    back.
    """
    record, owner = book.load(), owner_of(profile)
    desired = record.with_drained(owner, roles.standby(profile))
    baseline = record.baseline_of(owner, roles.must_be_absent(profile, desired))
    return situation_of(owner, desired, baseline, kernel, record, to_stand_by)


def plan_withdrawal(profile: Profile, kernel: Kernel, book: Book) -> Situation:
    """Return what is between this host and one that `profile` was never applied to."""
    return plan_withdrawal_of(owner_of(profile), kernel, book)


def plan_withdrawal_of(owner: str, kernel: Kernel, book: Book) -> Situation:
    """Return what is between this host and one that knows nothing of ROLE:NAME."""
    record = book.load()
    situation = situation_of(owner, NOTHING, record.baseline_of(owner), kernel, record)
    return replace(situation, kept=(*situation.kept, *held_by_others(owner, record)))


def situation_of(  # noqa: PLR0913, PLR0917 - those of the plan, and what it is made from
    owner: str,
    desired: Objects,
    baseline: Baseline,
    kernel: Kernel,
    record: Record,
    order: Order = by_layers,
) -> Situation:
    """Return the situation in which `desired` is wanted, and the rest goes back to `baseline`.

    Raises ProfileError where another profile of this host wants the same object otherwise.
    """
    record.refuse_conflict(owner, desired)
    baseline = _without_lost_links(baseline, desired, kernel)
    likely = desired or record.claims.get(owner, NOTHING)
    observed = kernel.observe(planned_keys(desired, baseline), likely)
    kept = left_to_others(owner, record, baseline, desired, observed)
    baseline = without(baseline, kept)
    todo = plan(desired, observed, baseline, order)
    in_use = _used_by_others(todo, observed, record, kernel)
    if in_use:
        baseline = without(baseline, in_use)
        todo = plan(desired, observed, baseline, order)
    drained = record.drained.get(owner, frozenset()) & desired.keys()
    return Situation(owner, record, desired, observed, baseline, todo, in_use, kept, drained)


def _without_lost_links(baseline: Baseline, desired: Objects, kernel: Kernel) -> Baseline:
    """Return the baseline without what has gone since with its link: settings, entries, addresses.

    Of addresses, those that were there before: the others are no work.
    """
    kinds = (Sysctl.kind, ProxyNeighbour.kind)
    given_up = [
        key
        for key, before in baseline.items()
        if key not in desired and (key[0] in kinds or isinstance(before, Address))
    ]
    if not given_up:
        return baseline
    links = {"all", "default", *kernel.read_host().links}
    gone = {key for key in given_up if (link := _link_of(key)) and link not in links}
    return {key: before for key, before in baseline.items() if key not in gone}


def _link_of(key: Key) -> str | None:
    """Return the link of an address, a proxy entry, or a setting: net/ipv4/conf/LINK/NAME."""
    if key[0] == Address.kind:
        return str(key[2])
    if key[0] == ProxyNeighbour.kind:
        return str(key[1])
    parts = str(key[1]).split("/")
    return parts[3] if len(parts) == 5 and parts[2] == "conf" else None


def _used_by_others(
    todo: Plan, observed: Objects, record: Record, kernel: Kernel
) -> tuple[Kept, ...]:
    """Return what the plan would delete, and with it what no profile has put there."""
    deleted = {change.key for change in todo if change.after is None}
    parents = {key for key in deleted if key[0] in PARENTS}
    if not parents:
        return ()
    children = record.foreign(kernel.children(parents, observed))
    used = {item.parent_key for item in children if item.key not in deleted}
    stays = sorted(parents & used, key=str)
    return tuple(Kept(observed[key], "stays: others use it") for key in stays)
