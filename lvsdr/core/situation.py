"""Where a profile stands on this host: what it wants, what is there, what has to be done."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from lvsdr.core.book import Book
from lvsdr.core.both_roles import DirectorVip, left_to_director
from lvsdr.core.folding import Fingerprints, left_alone, marked, remarked, with_record
from lvsdr.core.foreign_checkers import taken_out
from lvsdr.core.giving_back import (
    half_given_back,
    left_to_others,
    left_to_table_owner,
    let_go_of,
    still_valid,
    used_by_others,
    without,
    without_lost_links,
)
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.left_behind import remembering
from lvsdr.core.origins import origin_of
from lvsdr.core.out_of_service import OutOfService, in_service, notes, out_for
from lvsdr.core.plan_order import Order, by_layers, to_stand_by
from lvsdr.core.planner import plan, planned_keys
from lvsdr.core.record import Record, owner_of
from lvsdr.core.renamed_links import following, numbered
from lvsdr.model.change import Change, Kept, Plan
from lvsdr.model.due_change import must_change
from lvsdr.model.health import REMOVE
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import dataclass, field, replace
from lvsdr.model.objects import NOTHING, Baseline, Link, Object, Objects
from lvsdr.model.profile import DirectorProfile, Origin, Profile
from lvsdr.profile import roles


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a profile stands on this host: what it wants, what is there, what has to be done.

    `in_use` is what would be deleted if others did not use it, `kept` what else is let go of and
    does not become what it was before. `out` are those of the profile's real servers that are out
    of service whatever it says. Where it is `partial`, the profile's other objects stay as they
    are. `director_vips` are left to the director's profile. `links` are
    the kernel's numbers of links by their names, `origin` is where the profile comes from; it is
    `profile` where all of it is wanted. What is `adopted` is lvsdr's, as if nobody had had it.
    """

    owner: str
    record: Record
    desired: Objects
    observed: Objects
    baseline: Baseline
    todo: Plan
    in_use: tuple[Kept, ...] = ()
    kept: tuple[Kept, ...] = ()
    out: OutOfService = OutOfService()
    partial: bool = False
    director_vips: tuple[DirectorVip, ...] = ()
    links: Mapping[str, int] = field(default_factory=dict)
    origin: Origin | None = None
    profile: Profile | None = None
    adopted: tuple[Object, ...] = ()

    @property
    def record_before(self) -> Record:
        """Return the record to write before the first change."""
        half = half_given_back(self.todo, self.desired)
        desired = {**self.desired, **self.out.lifted} if self.out.lifted else self.desired
        record = self.record.claim(
            self.owner, desired, self.observed, self.out.drained, half, self.out.removed
        ).adopting(self.adopted)
        # What is taken out and goes is given back: until then it is known whose it is.
        going = {
            key: each
            for key, each in self.record.down.get(self.owner, {}).items()
            if each.action == REMOVE and key in record.baseline and key not in self.desired
        }
        return self._with_origins(record.downing(self.owner, {**going, **self.out.down}))

    def record_after(self, before: Record, listed: Fingerprints, seen: Objects = NOTHING) -> Record:
        """Return the record to write after the last change; `before` is on disk until then.

        `seen` are the objects as they are by now. `listed` tells by what real servers are known.
        """
        left = self.record.claims.get(self.owner, {}) if self.partial else {}
        others = {key: item for key, item in left.items() if key not in self.baseline}
        # What the checker of another program has set, lvsdr has not.
        more = others or self.out.lifted
        desired = {**others, **self.desired, **self.out.lifted} if more else self.desired
        made = {it.name: it.index for it in seen.values() if isinstance(it, Link)}
        settled = before.settle(self.owner, desired, self.out.drained, self.out.down)
        after = remembering(self.owner, before, settled, self.observed)
        changed = {*self.desired, *self.baseline} if self.partial else self.desired.keys()
        after = remarked(after, changed, listed)
        if self.profile is not None:
            after = marked(after, self.owner, self.desired, self.profile, listed, self.out.checked)
        return self._with_origins(after, made)

    def coming_from(self, file: Path | None) -> Situation:
        """Return the situation of a profile from `file`, now; None where nobody knows it."""
        if file is None:
            return self
        return replace(self, origin=origin_of(file, self.profile))

    def _with_origins(self, record: Record, made: Mapping[str, int] | None = None) -> Record:
        """Return the record with the numbers of its links, and the origins of its profiles."""
        record = numbered(record, {**self.links, **(made or {})})
        return record.coming_from({} if self.origin is None else {self.owner: self.origin})

    @property
    def drift(self) -> Plan:
        """Return what others have done to the profile's objects since lvsdr left them.

        Each `before` is how lvsdr left it, each `after` how it is.
        """
        left = self.record.claims.get(self.owner, {})
        # What is no longer wanted, and another profile claims as well, has not been looked at.
        looked = self.desired.keys() | self.baseline.keys()
        told = {**left, **dict.fromkeys(self.out.removed)} if self.out.removed else left
        seen = (
            (claim, self.observed.get(key))
            for key, claim in told.items()
            if key in looked and key not in self.out.lifted
        )
        return tuple(Change(claim, now) for claim, now in seen if must_change(now, claim))

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what people have to know of how the plan was made."""
        others = map(str, (*self.director_vips, *self.in_use))
        return (*self.record.notes, *others, *notes(self.out, self.desired))


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
    owner = owner_of(profile)
    here = kernel.read_host() if host is None else host
    wanted, loaded = with_record(profile, kernel, book)
    record = following(loaded, here.links)
    seen = record.host_without(owner, here)
    own, vips = left_to_director(profile, seen, record, director)
    every = roles.desired(wanted, own)
    out = out_for(wanted, every.keys(), record)
    situation = _in_service(wanted, every, out, kernel, record, order)
    numbers = {name: link.index for name, link in here.links.items()}
    return replace(situation, director_vips=vips, links=numbers, profile=profile)


def plan_standby(
    profile: DirectorProfile, kernel: Kernel, book: Book, *, spared: bool = False
) -> Situation:
    """Return what is between this host and one that stands by while another is the director.

    Whoever had a table before lvsdr had it for a director, and a standby is none: it is not given
    back. Where lvsdr has `spared` real servers, it was no checker that has taken them out.
    """
    record = record_of(kernel, book, profile.real_servers)
    out = out_for(profile, {each.key for each in profile.real_servers}, record)
    every = roles.standby(profile)
    return _in_service(profile, every, out, kernel, record, to_stand_by, heeded=not spared)


def _in_service(  # noqa: PLR0913, PLR0917 - what is wanted where, and who is out of service
    profile: Profile,
    every: Objects,
    out: OutOfService,
    kernel: Kernel,
    record: Record,
    order: Order,
    *,
    heeded: bool = True,
) -> Situation:
    """Return the situation in which `every` object of the profile is wanted but for who is out.

    Where it is `heeded`, what the checker of another program says is no drift.
    """
    owner = owner_of(profile)
    sorry = profile.sorry_servers if isinstance(profile, DirectorProfile) else ()
    desired, here = in_service(every, out, sorry)
    absent = (*roles.must_be_absent(profile, desired), *here.removed)
    baseline = let_go_of(owner, record, absent)
    stays = left_to_table_owner(owner, record, profile)
    baseline = without(baseline, stays)
    situation = situation_of(owner, desired, baseline, kernel, record, order)
    left = record.claims.get(owner, {})
    checked = taken_out(situation.todo, left, kernel) if heeded else {}
    if checked:
        out = replace(out, checked=checked)
        return _in_service(profile, every, out, kernel, record, order, heeded=False)
    out = replace(out, removed=here.removed, lifted=here.lifted)
    return replace(situation, out=out, kept=(*stays, *situation.kept))


def situation_of(  # noqa: PLR0913, PLR0917 - those of the plan, and what it is made from
    owner: str,
    desired: Objects,
    baseline: Baseline,
    kernel: Kernel,
    record: Record,
    order: Order = by_layers,
    likely: Objects = NOTHING,
) -> Situation:
    """Return the situation in which `desired` is wanted, and the rest goes back to `baseline`.

    It is there as `likely` has it, or as it is desired. Raises ProfileError where another profile
    of this host wants the same object otherwise.
    """
    record.refuse_conflict(owner, desired)
    baseline = without_lost_links(still_valid(baseline, time.monotonic()), desired, kernel)
    likely = likely or desired or record.claims.get(owner, NOTHING)
    # What goes is mostly as it was left.
    known = NOTHING if desired else left_alone(owner, record, kernel)
    keys = planned_keys(desired, baseline)
    observed = {**known, **kernel.observe(keys - known.keys(), likely)}
    kept = left_to_others(owner, record, baseline, desired, observed)
    baseline = without(baseline, kept)
    todo = plan(desired, observed, baseline, order)
    in_use = used_by_others(todo, observed, record, kernel, known)
    if in_use:
        baseline = without(baseline, in_use)
        todo = plan(desired, observed, baseline, order)
    return Situation(owner, record, desired, observed, baseline, todo, in_use, kept)


def record_of(kernel: Kernel, book: Book, known: Iterable[RealServer] = ()) -> Record:
    """Return the record, with the names that its links have now."""
    record = book.load(known)
    return following(record, kernel.read_host().links) if record.links else record
