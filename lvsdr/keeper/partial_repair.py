"""A repair without some of its objects: they stay as others have them, claimed as they were."""

from __future__ import annotations

from collections.abc import Collection

from lvsdr.core.out_of_service import out_of_service
from lvsdr.core.situation import Situation
from lvsdr.model.change import Plan
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key


def children_too(todo: Plan, left: Collection[Key]) -> frozenset[Key]:
    """Return `left` and what of `todo` is on one of them: addresses of a link that is not there."""
    on_them = (each.key for each in todo if each.subject.parent_key in left)
    return frozenset((*left, *on_them))


def left_out(situation: Situation, keys: Collection[Key]) -> Situation:
    """Return the situation without the objects `keys`, and without what follows from the whole."""
    every = out_of_service(situation.owner, situation.record)
    return replace(
        situation,
        desired={key: item for key, item in situation.desired.items() if key not in keys},
        baseline={key: item for key, item in situation.baseline.items() if key not in keys},
        todo=tuple(each for each in situation.todo if each.key not in keys),
        out=replace(situation.out, drained=every.drained, down=every.down),
        partial=True,
        profile=None,
    )
