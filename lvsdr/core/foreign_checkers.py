"""Whom the checkers of other programs have taken out of a director's table: that is no drift."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.out_of_service import serves
from lvsdr.model.change import Change, Plan
from lvsdr.model.health import REMOVE, WEIGHT, Down
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.objects import Key, Objects


def taken_out(todo: Plan, left: Objects, kernel: Kernel) -> dict[Key, Down]:
    """Return which real servers a plan would put back that a checker here has taken out.

    In services that are there: a checker that runs names the service, and the real server in it;
    and it is not lvsdr that has `left` it so.
    """
    back = {each.key: each for each in put_back(todo, left)}
    if not back:
        # As in nearly every plan, which need not pay for what a checker is known by.
        return {}
    found: dict[Key, Down] = {}
    for checker in (each for each in kernel.checkers() if each.running):
        for key, change in back.items():
            server = change.after
            assert isinstance(server, RealServer), "it serves"
            if key not in found and checker.checks(server):
                gone = change.before is None
                why = "its checker has taken it out" if gone else "its checker has set weight 0"
                found[key] = Down(0, why, checker.program, REMOVE if gone else WEIGHT)
    return found


def put_back(todo: Plan, left: Objects) -> Iterator[Change]:
    """Yield the changes that put real servers into services that are there, or give them weight.

    Not those that lvsdr itself has `left` without weight.
    """
    for each in _putting_back(todo):
        if (known := left.get(each.key)) is None or serves(known):
            yield each


def _putting_back(todo: Plan) -> Iterator[Change]:
    spread = (each.after for each in todo if each.before is None)
    made = {each.service for each in spread if isinstance(each, VirtualServer)}
    service, new = None, False
    for each in todo:
        after = each.after
        if not isinstance(after, RealServer) or not after.weight or serves(each.before):
            continue
        # Of a large table that is made, those of a service follow one another.
        if after.service is not service:
            service, new = after.service, after.service in made
        if not new:
            yield each
