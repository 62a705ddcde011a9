"""Every scenario: the trouble as others see it, then its absence, and all as before."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import program
import pytest
from witnesses import arping, ndisc6, neighbour

from lvsdr.lab.scenarios import SCENARIOS
from lvsdr.lab.services import serving
from lvsdr.lab.stage import MENDED, TROUBLE, Stage, play, stage

CLIENT = """import socket, sys
print(socket.create_connection((sys.argv[1], 80), 2).recv(9).decode())"""


def _answering(built: Stage) -> set[str]:
    asked = ndisc6 if built.vip.version == 6 else arping
    return {built.name_of(mac) for mac in asked(built.lab.observer, str(built.vip))}


def _entry(built: Stage) -> set[str]:
    return {built.name_of(neighbour(built.lab.gateway, str(built.vip)))}


def _serving(built: Stage) -> set[str]:
    """Say whom the client reaches, by a request that our own client has no part in."""
    with serving(built.lab.realservers[0], [built.service]):
        asked = built.lab.client.run("python3", "-c", CLIENT, str(built.vip), check=False)
    return {asked.stdout.strip() or "nobody"}


WITNESSES = MappingProxyType({"answering": _answering, "entry": _entry, "serving": _serving})


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_shows_its_trouble_and_that_lvsdr_ends_it(name: str) -> None:
    scenario = SCENARIOS[name]
    seen: dict[str, set[str]] = {}

    with stage(scenario, program.run) as built:
        steps = []
        for step in play(built):
            steps.append(step)
            when = step.title.partition(":")[0]
            if when in (TROUBLE, MENDED):
                seen[when] = WITNESSES[scenario.witness](built)

    assert [step for step in steps if not step.ok] == []
    assert steps[-1].seen == ("every host is as it was",)
    assert seen[TROUBLE] == scenario.trouble
    assert seen[MENDED] == scenario.mended


def test_a_trouble_that_is_not_seen_fails_the_rehearsal() -> None:
    harmless = replace(SCENARIOS["alias"], by_hand=())

    with stage(harmless, program.run) as built:
        steps = list(play(built))

    assert not steps[-1].ok
    assert steps[-1].title.startswith(TROUBLE)
    assert steps[-1].seen[-1] == "expected: director, rs1"


def test_what_is_left_behind_fails_the_rehearsal() -> None:
    scenario = SCENARIOS["bridge"]
    (by_hand,) = scenario.by_hand
    littered = replace(scenario, by_hand=(replace(by_hand, undo=by_hand.undo[:1]),))

    with stage(littered, program.run) as built:
        steps = list(play(built))

    assert [step.title for step in steps if not step.ok] == [steps[-1].title]
    assert "rs1: +/proc/sys/net/ipv4/conf/eth0/arp_ignore:1" in steps[-1].seen
