"""Whom the checkers of other programs have taken out of a director's table: that is no drift."""

from __future__ import annotations

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.out_of_service import serves, service_of
from lvsdr.model.change import Plan
from lvsdr.model.health import REMOVE, WEIGHT, Down
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.objects import Key, Objects


def taken_out(todo: Plan, left: Objects, kernel: Kernel) -> dict[Key, Down]:
    """Return which real servers a plan would put back that a checker here has taken out.

    In services that are there: a checker that runs names the service, and the real server in it;
    and it is not lvsdr that has `left` it so.
    """
    made = {each.key for each in todo if isinstance(each.after, VirtualServer) and not each.before}
    back = {
        each.key: each
        for each in todo
        if serves(each.after) and not serves(each.before) and service_of(each.key) not in made
    }
    back = {key: each for key, each in back.items() if key not in left or serves(left[key])}
    if not back:
        # As in nearly every plan, which need not pay for what a checker is known by.
        return {}
    found: dict[Key, Down] = {}
    for checker in kernel.checkers():
        for key, change in back.items():
            server = change.after
            assert isinstance(server, RealServer), "it serves"
            if key not in found and checker.checks(server):
                gone = change.before is None
                why = "its checker has taken it out" if gone else "its checker has set weight 0"
                found[key] = Down(0, why, checker.program, REMOVE if gone else WEIGHT)
    return found
