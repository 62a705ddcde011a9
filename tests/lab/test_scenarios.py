"""Every scenario: the trouble as others see it, then its absence, and all as before."""

from __future__ import annotations

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
