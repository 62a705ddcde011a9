"""The one decision: what has to change so that the host is as it should be."""

from __future__ import annotations

from collections.abc import Set

from lvsdr.core.plan_order import Order, Rank, by_layers
from lvsdr.model.change import Change, Plan
from lvsdr.model.due_change import must_change, out_of_place
from lvsdr.model.ipvs import SERVER_KINDS
from lvsdr.model.objects import SETTINGS, Address, Baseline, Key, Object, Objects


def plan(desired: Objects, observed: Objects, baseline: Baseline, order: Order = by_layers) -> Plan:
    """Return the changes that take `observed` to `desired`, in a safe order.

    A key that is in the baseline but no longer desired goes back to what it
    was before lvsdr first touched it. A key in neither is not ours, and no
    change names it.

    What is desired comes first, from the ground up, so that a real server is
    silent on ARP before it holds the VIP. What is given up comes last, from
    the top down, so that it stays silent until the VIP is gone. What `order`
    says comes before all that.

    An address that is out of place moves before a sync daemon starts, which takes the first one of
    its link for its source.
    """
    places: dict[tuple[Rank, bool, int], list[Change]] = {}
    given_up = ((key, before) for key, before in baseline.items() if key not in desired)
    for given, objects in ((False, desired.items()), (True, given_up)):
        for key, wanted in objects:
            seen = observed.get(key)
            # What is as it was expected is often that very object; comparing takes longer.
            if seen is not wanted and must_change(seen, wanted):
                change = Change(seen, wanted)
                rank = () if order is by_layers else order(change)
                moves = key[0] == Address.kind and out_of_place(seen, wanted)
                layer = SETTINGS if moves else change.subject.layer
                place = rank, given, -layer if given else layer
                places.setdefault(place, []).append(change)
    return tuple(change for place in sorted(places) for change in places[place])


def planned_keys(desired: Objects, baseline: Baseline) -> Set[Key]:
    """Return the keys that a plan looks at."""
    mine = desired.keys()
    return mine if baseline.keys() <= mine else mine | baseline.keys()


def touched(keys: Set[Key], done: Plan) -> Set[Key]:
    """Return those of `keys` that a plan may have changed: of IPVS, the services that it names.

    Of the rest one thing may take another with it, as a primary address takes secondary ones.
    """
    if 2 * len(done) > len(keys):
        return keys
    services = {change.key[1:4] for change in done if change.key[0] in SERVER_KINDS}
    return {key for key in keys if key[0] not in SERVER_KINDS or key[1:4] in services}


def way_back(before: Objects, now: Objects, done: Plan) -> Plan:
    """Return the changes that take `now` to `before`, the newest of `done` undone first.

    Computed from what is there, not from what was sent: a change that the
    kernel took half, or took without our hearing of it, is undone as well.
    """
    return tuple(
        Change(now.get(change.key), before.get(change.key))
        for change in reversed(done)
        if _differ(now.get(change.key), before.get(change.key))
    )


def _differ(now: Object | None, before: Object | None) -> bool:
    return now != before or must_change(now, before)
