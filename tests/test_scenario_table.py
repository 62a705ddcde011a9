"""The table of scenarios, and what the command line makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from lvsdr.cli.main import run
from lvsdr.cli.session import Session
from lvsdr.lab.scenario import Witness
from lvsdr.lab.scenario_witnesses import WITNESSES
from lvsdr.lab.scenarios import SCENARIOS

ROOT = Path(__file__).parents[1]


def test_each_scenario_has_the_name_of_its_module() -> None:
    assert [scenario.name for scenario in SCENARIOS.values()] == list(SCENARIOS)


def test_each_witness_has_its_function() -> None:
    assert set(get_args(Witness)) == set(WITNESSES)


def test_each_scenario_has_its_page_and_its_row_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert {page.stem for page in (ROOT / "docs" / "scenarios").glob("*.md")} == set(SCENARIOS)
    for name, scenario in SCENARIOS.items():
        seen = (", ".join(sorted(names)) for names in (scenario.trouble, scenario.mended))
        row = (f"[{name}](docs/scenarios/{name}.md)", scenario.summary, *seen)
        assert f"| {' | '.join(row)} |" in readme


def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["rehearse", "--list"], Session())

    assert code == 0
    said = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert said == [[name, item.summary] for name, item in SCENARIOS.items()]


def test_the_scenarios_are_listed_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    run(["rehearse", "--list", "--format", "json"], Session())

    said = json.loads(capsys.readouterr().out)
    assert said["format"] == "lvsdr/scenarios/1"
    assert [item["name"] for item in said["scenarios"]] == list(SCENARIOS)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["director.json"],
        ["--list", "--scenario", "classic"],
        ["--scenario", "classic", "director.json", "realserver.json"],
        ["--scenario", "no-such"],
    ],
)
def test_2_a_rehearsal_of_everything_or_nothing(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["rehearse", *arguments], Session())

    assert code == 2
    assert "lvsdr rehearse --list" in (said := capsys.readouterr().err) or "--scenario NAME" in said
