"""The one decision: what has to change so that the host is as it should be."""

from __future__ import annotations

from functools import partial

from lvsdr.model.change import Change, Plan
from lvsdr.model.objects import Baseline, Objects


def plan(desired: Objects, observed: Objects, baseline: Baseline) -> Plan:
    """Return the changes that take `observed` to `desired`, in a safe order.

    A key that is in the baseline but no longer desired goes back to what it
    was before lvsdr first touched it. A key in neither is not ours, and no
    change names it.

    What is desired comes first, from the ground up, so that a real server is
    silent on ARP before it holds the VIP. What is given up comes last, from
    the top down, so that it stays silent until the VIP is gone.
    """
    target = {**baseline, **desired}
    changes = [
        Change(observed.get(key), wanted)
        for key, wanted in target.items()
        if observed.get(key) != wanted
    ]
    return tuple(sorted(changes, key=partial(safe_order, desired)))


def safe_order(desired: Objects, change: Change) -> tuple[bool, int]:
    """Return the place of `change`: what is desired by its layer, then what is given up."""
    given_up = change.key not in desired
    layer = change.subject.layer
    return (given_up, -layer if given_up else layer)


def way_back(before: Objects, now: Objects, done: Plan) -> Plan:
    """Return the changes that take `now` to `before`, the newest of `done` undone first.

    Computed from what is there, not from what was sent: a change that the
    kernel took half, or took without our hearing of it, is undone as well.
    """
    return tuple(
        Change(now.get(change.key), before.get(change.key))
        for change in reversed(done)
        if now.get(change.key) != before.get(change.key)
    )
