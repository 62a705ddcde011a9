"""Giving back: what is let go of becomes what it was before, unless others have decided since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lvsdr.core.record import Record
from lvsdr.model.change import Change, Kept, Plan
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.objects import Address, Baseline, Key, Object, Objects, Route

# Changed in two requests: a run that was killed between them has taken it away itself.
IN_TWO_STEPS = frozenset({Address.kind, Route.kind, SyncDaemon.kind})


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


def held_by_others(owner: str, record: Record) -> tuple[Kept, ...]:
    """Return what `owner` lets go of, and another profile of this host holds as well."""
    others = record.claimed_by_others(owner)
    mine = record.claims.get(owner, {})
    return tuple(
        Kept(item, f"stays: profile {others[key]} holds it too")
        for key, item in mine.items()
        if key in others
    )


def half_given_back(todo: Plan, desired: Objects) -> tuple[Object, ...]:
    """Return what a run that is killed may leave absent, though it was about to give it back."""
    return tuple(change.after for change in todo if _in_two_steps(change, desired) and change.after)


def without(baseline: Baseline, kept: tuple[Kept, ...]) -> Baseline:
    """Return the baseline without what stays as it is."""
    keys = {each.item.key for each in kept}
    return (
        {key: before for key, before in baseline.items() if key not in keys} if keys else baseline
    )


def _in_two_steps(change: Change, desired: Objects) -> bool:
    key: Key = change.key
    return change.before is not None and key[0] in IN_TWO_STEPS and key not in desired


def _same(now: Object, left: Object) -> bool:
    """Return whether an object is as lvsdr left it; the kernel renames labels with their link."""
    if isinstance(now, Address) and isinstance(left, Address):
        return replace(now, label=None) == replace(left, label=None)
    return now == left
