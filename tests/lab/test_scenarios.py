"""Every scenario: the trouble as others see it, then its absence, and all as before."""

from __future__ import annotations

from dataclasses import replace

import program
import pytest
from onlookers import ONLOOKERS

from lvsdr.lab.scenario_play import MENDED, TROUBLE, play
from lvsdr.lab.scenario_stage import build_stage
from lvsdr.lab.scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_shows_its_trouble_and_that_lvsdr_ends_it(name: str) -> None:
    scenario = SCENARIOS[name]
    seen: dict[str, set[str]] = {}

    with build_stage(scenario, program.run) as built:
        steps = []
        for step in play(built):
            steps.append(step)
            when = step.title.partition(":")[0]
            if when in (TROUBLE, MENDED):
                seen[when] = ONLOOKERS[scenario.witness](built)

    assert [step for step in steps if not step.ok] == []
    assert steps[-1].seen == ("every host is as it was",)
    assert seen[TROUBLE] == scenario.trouble
    assert seen[MENDED] == scenario.mended


def test_a_trouble_that_is_not_seen_fails_the_rehearsal() -> None:
    harmless = replace(SCENARIOS["alias"], by_hand=())

    with build_stage(harmless, program.run) as built:
        steps = list(play(built))

    assert not steps[-1].ok
    assert steps[-1].title.startswith(TROUBLE)
    assert steps[-1].seen[-1] == "expected: director, rs1"


def test_what_is_left_behind_fails_the_rehearsal() -> None:
    scenario = SCENARIOS["bridge"]
    (by_hand,) = scenario.by_hand
    littered = replace(scenario, by_hand=(replace(by_hand, undo=by_hand.undo[:1]),))

    with build_stage(littered, program.run) as built:
        steps = list(play(built))

    assert [step.title for step in steps if not step.ok] == [steps[-1].title]
    assert "rs1: +/proc/sys/net/ipv4/conf/eth0/arp_ignore:1" in steps[-1].seen
