"""Every scenario: the trouble as others see it, then its absence, and all as before."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import program
import pytest
from onlookers import ONLOOKERS

from lvsdr.lab.scenario_play import play
from lvsdr.lab.scenario_stage import build_stage
from lvsdr.lab.scenario_steps import MENDED, TROUBLE
from lvsdr.lab.scenarios import SCENARIOS
from lvsdr.model.rehearsal_step import Step


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


def test_where_keepalived_is_not_installed_its_table_is_made_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool in ("ip", "ipvsadm"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    monkeypatch.setenv("PATH", str(tmp_path))

    with build_stage(SCENARIOS["health"], program.run) as built:
        steps = {step.title: step for step in takewhile(_is_no_apply, play(built))}

    assert all(step.ok for step in steps.values())
    assert steps["by hand, for want of keepalived"].seen[0].startswith("director# ipvsadm -A")


def _is_no_apply(step: Step) -> bool:
    return not step.title.endswith("apply")


def test_an_accident_that_no_keeper_mends_fails_the_rehearsal() -> None:
    scenario = SCENARIOS["health"]
    unchecked = replace(scenario, director={**scenario.director, "health": None})

    with build_stage(unchecked, program.run) as built:
        steps = list(play(built))

    assert not steps[-1].ok
    assert steps[-1].title.startswith(MENDED)
    assert "expected: rs2" in steps[-1].seen
