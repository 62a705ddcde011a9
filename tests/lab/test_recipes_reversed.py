"""What comes to mind in place of the recipes of docs/take-over.md: requests are lost."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

import pytest
from recipe_clusters import KEEPER, PROFILE, STARTS, on, street, written
from recipe_page import Typed, recipes
from rig import VIP, settled
from witnesses import arping

PROFILED = written("director", "/etc/lvsdr/director.json", PROFILE)
APPLIED = "lvsdr director apply --take-over"
PAGE = recipes()
# Of (h2) a real server goes, and that it may go from its connections is not set. A client uses its
# ports again, each after some seconds.
GONE = [
    *takewhile(
        lambda step: step.place == "director",
        (step for step in PAGE["h2"] if "expire_nodest_conn" not in step.command),
    ),
    *on("director", "sleep 40"),
]


# By the start of the recipe whose place it takes.
FIRST_THOUGHTS = {
    "b": [PROFILED, *on("director", "systemctl stop ldirectord", APPLIED)],
    "c": [PROFILED, *on("director", "systemctl stop keepalived", APPLIED)],
    "e": on("rs1", "ip address del 192.168.1.2/32 dev lo", "sleep 1"),
    "f": [
        *on("director", f"systemctl stop {KEEPER}", "lvsdr director withdraw"),
        *on("new", APPLIED),
    ],
    # Without the other director.
    "g": [step for step in PAGE["g"] if step.place == "director"],
    "h": on("rs1", "lvsdr realserver withdraw", "sleep 1", "lvsdr realserver apply"),
    "h2": GONE,
    "i2": [
        *on("director", f"systemctl stop {KEEPER}", "lvsdr director withdraw"),
        *(step for step in PAGE["i2"] if "ldirectord" in step.command),
        *on("director", f"ip address add {VIP}/32 dev eth0"),
    ],
    "i3": [
        *on("director", f"systemctl stop {KEEPER}", "lvsdr director withdraw"),
        *(step for step in PAGE["i3"] if "keepalived" in step.command),
    ],
}


@pytest.mark.parametrize("letter", FIRST_THOUGHTS)
def test_the_first_thought_loses_requests(
    letter: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with street(tmp_path, STARTS[letter]) as made:
        found = made.follow(FIRST_THOUGHTS[letter])

    record_property("measured", f"in place of ({letter}): {found}")
    assert found.lost + found.slow > 0, made.log


def test_what_was_not_adopted_stays_at_withdraw_and_two_hosts_answer(tmp_path: Path) -> None:
    """Of recipe (a) without --adopt, when the director is replaced."""
    macs = set()
    with street(tmp_path, STARTS["a"]) as made:
        made.type([PROFILED, *on("director", "lvsdr director apply")])
        made.type([written("new", "/etc/lvsdr/director.json", PROFILE), *on("new", APPLIED)])
        made.type(on("director", "lvsdr director withdraw"))
        macs = arping(made.rig.lab.gateway, VIP)

    assert len(macs) == 2


def test_a_virtual_router_of_another_version_makes_two_masters(tmp_path: Path) -> None:
    """Of recipe (d) without --like: the standby, of version 3 and open, becomes a second one."""
    two = [
        Typed(step.place, step.command.replace(LIKE, ""))
        for step in PAGE["d"]
        if step.place == "lb2"
    ]
    end = next(place for place, step in enumerate(two) if step.command.endswith("start keepalived"))
    with street(tmp_path, STARTS["d"]) as made:
        gateway = made.rig.lab.gateway
        assert settled(lambda: len(arping(gateway, VIP)), 1, 20.0) == 1
        made.type(two[: end + 1])
        seen = settled(lambda: len(arping(gateway, VIP)), 2, 20.0)

    assert seen == 2


LIKE = "--like /etc/keepalived/keepalived.conf"
