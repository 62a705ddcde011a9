"""Giving back: what is let go of becomes what it was before, unless others have decided since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.record import Record
from lvsdr.core.renamed_links import link_of
from lvsdr.model.change import Change, Kept, Plan
from lvsdr.model.ipvs import SERVER_KINDS, VirtualServer
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import (
    Address,
    Baseline,
    Key,
    Link,
    Object,
    Objects,
    ProxyNeighbour,
    Route,
    Sysctl,
    keyed,
)
from lvsdr.model.profile import DirectorProfile, Profile

# Changed in two requests: a run that was killed between them has taken it away itself.
IN_TWO_STEPS = frozenset({Address.kind, Route.kind, SyncDaemon.kind})
# Of a link the flags go back first, then the queueing discipline that it got when it came up.
IN_STEPS = IN_TWO_STEPS | {Link.kind}
# What others may depend on: addresses on a link, real servers on a virtual server.
PARENTS = frozenset({Link.kind, VirtualServer.kind})


def left_to_others(
    owner: str, record: Record, baseline: Baseline, desired: Objects, observed: Objects
) -> tuple[Kept, ...]:
    """Return what of the baseline is not given back: others have taken it away or changed it since.

    What they have taken away may be active on another host by now, and what they have set is the
    host's own. What lvsdr has made itself is no question: it goes.
    """
    return tuple(_left_to_others(owner, record, baseline, desired, observed))


def _left_to_others(
    owner: str, record: Record, baseline: Baseline, desired: Objects, observed: Objects
) -> Iterator[Kept]:
    left = record.claims.get(owner, {})
    pending = {item.key for item in record.intents.get(owner, ())}
    for key, before in baseline.items():
        if before is None or key in desired or key not in left:
            continue
        now = observed.get(key)
        if now is None:
            if key not in pending or key[0] not in IN_TWO_STEPS:
                yield Kept(before, "is not brought back: others have taken it away since")
        elif key not in pending and now != before and not _same(now, left[key]):
            was = f"lvsdr left it {left[key].detail}, before that it was {before.detail}"
            yield Kept(now, f"stays: others have changed it since ({was})")


def left_to_table_owner(owner: str, record: Record, profile: Profile) -> tuple[Kept, ...]:
    """Return the servers that lvsdr has put into a table which is another's by now.

    keepalived may have taken them over, and has clients on them: they stay as they are.
    """
    if not isinstance(profile, DirectorProfile) or profile.writes_table:
        return ()
    left = {**record.claims.get(owner, {}), **keyed(record.intents.get(owner, ()))}
    return tuple(
        Kept(item, f"stays: {profile.table_owner} owns the table")
        for key, item in left.items()
        if key[0] in SERVER_KINDS
    )


def still_valid(baseline: Baseline, now: float) -> Baseline:
    """Return the baseline without addresses whose time is over: they would have gone by then.

    `now` is in seconds of CLOCK_MONOTONIC.
    """
    over = {key: None for key, before in baseline.items() if _over(before, now)}
    return {**baseline, **over} if over else baseline


def _over(before: Object | None, now: float) -> bool:
    attributes = before.attributes if isinstance(before, Address) else None
    return attributes is not None and attributes.expired(now)


def held_by_others(owner: str, record: Record) -> tuple[Kept, ...]:
    """Return what `owner` lets go of, and another profile of this host holds as well."""
    others = record.claimed_by_others(owner)
    mine = record.claims.get(owner, {})
    return tuple(
        Kept(item, f"stays: profile {others[key]} holds it too")
        for key, item in mine.items()
        if key in others
    )


def let_go_of(owner: str, record: Record, absent: Iterable[Key] = ()) -> Baseline:
    """Return how what `owner` lets go of becomes: as before it, or as another profile has it."""
    return {**record.baseline_of(owner, absent), **_begun_on_shared(owner, record)}


def _begun_on_shared(owner: str, record: Record) -> Objects:
    """Return what another profile holds, and a run of `owner` that failed may have changed."""
    begun = {item.key for item in record.intents.get(owner, ())}
    others = (claims for other, claims in record.claims.items() if other != owner)
    return {key: item for claims in others for key, item in claims.items() if key in begun}


def half_given_back(todo: Plan, desired: Objects) -> tuple[Object, ...]:
    """Return what a run that is killed may leave half way, though it was about to give it back."""
    return tuple(change.after for change in todo if _in_steps(change, desired) and change.after)


def without(baseline: Baseline, kept: tuple[Kept, ...]) -> Baseline:
    """Return the baseline without what stays as it is."""
    keys = {each.item.key for each in kept}
    return (
        {key: before for key, before in baseline.items() if key not in keys} if keys else baseline
    )


def without_lost_links(baseline: Baseline, desired: Objects, kernel: Kernel) -> Baseline:
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
    links = kernel.read_host().links
    gone = {key for key in given_up if (link := link_of(key)) and link not in links}
    return {key: before for key, before in baseline.items() if key not in gone}


def used_by_others(
    todo: Plan, observed: Objects, record: Record, kernel: Kernel, alone: Set[Key]
) -> tuple[Kept, ...]:
    """Return what the plan would delete, and with it what no profile has put there.

    Services that are `alone`, by Service.key, have no real servers of others.
    """
    gone = [change.before for change in todo if change.after is None and change.before]
    parents = {item.key for item in gone if item.kind in PARENTS}
    parents -= {(VirtualServer.kind, *service) for service in alone}
    if not parents:
        return ()
    deleted = {item.key for item in gone}
    children = record.foreign(kernel.children(parents, observed))
    used = {item.parent_key for item in children if item.key not in deleted}
    stays = sorted(parents & used, key=str)
    return tuple(Kept(observed[key], "stays: others use it") for key in stays)


def _in_steps(change: Change, desired: Objects) -> bool:
    before = change.before
    return before is not None and before.kind in IN_STEPS and change.key not in desired


def _same(now: Object, left: Object) -> bool:
    """Return whether an object is as lvsdr left it; the kernel renames labels with their link."""
    if isinstance(now, Address) and isinstance(left, Address):
        return replace(now, label=None) == replace(left, label=None)
    return now == left
