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
ROWS = [*PAGE] if os.environ.get("LVSDR_TORTURE") else ["c", "e"]
# IPVS knows a connection for so long after its end: what comes from its port may be lost later.
REMEMBERED = 130.0
LATER = {"h2": REMEMBERED, "i2": REMEMBERED}


@pytest.mark.parametrize("letter", ROWS)
def test_a_recipe_loses_no_request(
    letter: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with street(tmp_path, STARTS[letter]) as made:
        found = made.follow(PAGE[letter], LATER.get(letter, 1.5))
        log = "\n".join(made.log)

    print(f"({letter}) {found}")
    record_property("measured", f"({letter}) {found}")
    assert (found.lost, found.slow) == (0, 0), log
