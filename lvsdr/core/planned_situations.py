"""Where a profile stands on this host: how that is found out; nothing is touched."""

from __future__ import annotations

import time
from collections.abc import Iterable

from lvsdr.core.book import Book
from lvsdr.core.both_roles import left_to_director
from lvsdr.core.folding import left_alone, with_record
from lvsdr.core.foreign_checkers import taken_out
from lvsdr.core.giving_back import (
    left_to_others,
    left_to_table_owner,
    let_go_of,
    still_valid,
    used_by_others,
    without,
    without_lost_links,
)
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.out_of_service import OutOfService, in_service, out_for
from lvsdr.core.plan_order import Order, by_layers, to_stand_by
from lvsdr.core.planner import plan, planned_keys
from lvsdr.core.record import Record, owner_of
from lvsdr.core.renamed_links import following
from lvsdr.core.situation import Situation
from lvsdr.model.folded_servers import FoldedServers
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import NOTHING, Baseline, Objects
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.profile import roles


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
    here = kernel.read_host() if host is None else host
    return plan_known(profile, with_record(profile, kernel, book), kernel, here, director, order)


def plan_known(  # noqa: PLR0913, PLR0917 - what is wanted where, and what is known of it already
    profile: Profile,
    known: tuple[Profile, Record],
    kernel: Kernel,
    here: Host,
    director: DirectorProfile | None = None,
    order: Order = by_layers,
) -> Situation:
    """Return the same; `known` are the profile as far as it has to be planned, and the record."""
    owner, (wanted, loaded) = owner_of(profile), known
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
    going: tuple[FoldedServers, ...] = (),
) -> Situation:
    """Return the situation in which `desired` is wanted, and the rest goes back to `baseline`.

    It is there as `likely` has it, or as it is desired; real servers that are `going` go with their
    services. Raises ProfileError where another profile of this host wants the same object
    otherwise.
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
    alone = {*(key[1:4] for key in known), *(each.service.key for each in going)}
    in_use = used_by_others(todo, observed, record, kernel, alone)
    if in_use:
        baseline = without(baseline, in_use)
        todo = plan(desired, observed, baseline, order)
    found = Situation(owner, record, desired, observed, baseline, todo, in_use, kept)
    return replace(found, going=going) if going else found


def record_of(
    kernel: Kernel, book: Book, known: Iterable[RealServer] = (), *, folding: bool = False
) -> Record:
    """Return the record, as Book.load() does, with the names that its links have now."""
    record = book.load(known, folding=folding)
    return following(record, kernel.read_host().links) if record.links else record
