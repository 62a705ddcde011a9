"""The recipes of docs/take-over.md, typed under fifty requests a second: none is lost or late."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from recipe_clusters import STARTS, street
from recipe_page import recipes

PAGE = recipes()
# A minute each on a busy machine, and ldirectord is a package that nothing else needs.
# Of two the page says how many they lose.
LOSSY = {"h2", "i2"}
ROWS = (
    [each for each in PAGE if each not in LOSSY] if os.environ.get("LVSDR_TORTURE") else ["c", "e"]
)


@pytest.mark.parametrize("letter", ROWS)
def test_a_recipe_loses_no_request(
    letter: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with street(tmp_path, STARTS[letter]) as made:
        found = made.follow(PAGE[letter])
        log = "\n".join(made.log)

    print(f"({letter}) {found}")
    record_property("measured", f"({letter}) {found}")
    assert (found.lost, found.slow) == (0, 0), log
