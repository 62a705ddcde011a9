"""The page of recipes: what it prints can be typed, and the profiles in it are sound."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from recipe_page import Typed, recipes

from lvsdr.cli.command_line import cli
from lvsdr.cli.session import Session
from lvsdr.profile.reader import read

RECIPES = recipes()
PLACES = {"director", "new", "lb1", "lb2", "rs1", "rs2"}
CALLED = re.compile(r"\blvsdr ([^>|;]+)")
WRITTEN = re.compile(r"cat >/etc/lvsdr/(\w+)\.json <<'END'\n(.*)\nEND", re.DOTALL)


def test_there_is_a_recipe_for_each_way() -> None:
    assert list(RECIPES) == ["a", "b", "c", "d", "e", "f", "g", "h", "h2", "i1", "i2", "i3"]
    assert all(RECIPES.values())


def test_each_command_has_a_place() -> None:
    assert {step.place for steps in RECIPES.values() for step in steps} == PLACES


def test_each_command_of_lvsdr_is_one() -> None:
    typed = [step.command for steps in RECIPES.values() for step in steps]
    called = [it[1].split() for each in typed for it in CALLED.finditer(each.split("\n")[0])]

    for words in called:
        command: click.Command = cli
        context = cli.make_context("lvsdr", list(words), obj=Session())
        while isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None
            context = found.make_context(name, rest, parent=context, resilient_parsing=True)
            command = found
    assert len(called) > 30


@pytest.mark.parametrize("letter", RECIPES)
def test_each_profile_in_it_is_sound(letter: str, tmp_path: Path) -> None:
    for step in RECIPES[letter]:
        if found := WRITTEN.match(step.command):
            file = tmp_path / "profile.json"
            file.write_text(found[2])

            assert read(file, found[1]).role == found[1]


def test_what_is_printed_is_no_command_and_what_is_typed_in_belongs_to_one() -> None:
    text = "## (x) A\n```console\nrs1# cat >f <<'END'\nrs2# no\nEND\n+ printed\nrs1# ls\n```\n"

    assert recipes(text) == {
        "x": [Typed("rs1", "cat >f <<'END'\nrs2# no\nEND"), Typed("rs1", "ls")]
    }
