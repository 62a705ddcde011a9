"""Hooks that real keepalived starts: under its umask, later than what came after them, twice."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from pairs import LIMIT, pair
from rig import VIP, VIP6, director, realserver, settled, virtual_server

# A program takes three seconds to start here.
PATIENCE = 3 * LIMIT
RIPS6 = ("fd00::13", "fd00::14")
HOOK = """#!/bin/sh
[ "$3" = MASTER ] && [ -e {late} ] && sleep 8
{twice} && {python} -m lvsdr keepalived notify {words} "$@" >>{log} 2>&1 &
{python} -m lvsdr keepalived notify {words} "$@" >>{log} 2>&1
wait
"""
TORTURE = bool(os.environ.get("LVSDR_TORTURE"))
ROUNDS = range(20 if TORTURE else 1)
# A second program for each hook takes as long as all else.
TWICE = "true" if TORTURE else "false"


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_hook_that_comes_late_or_twice_does_not_make_a_director_of_a_standby(
    tmp_path: Path, _round: int
) -> None:
    served = [virtual_server(), virtual_server(VIP6, RIPS6)]
    with pair(tmp_path, director(*served), realserver(vips=[VIP, VIP6])) as made:
        box = made.boxes[0]
        # Below /run: keepalived runs nothing that lies in a folder others may write.
        script, log, late = Path("/run/late-hook"), tmp_path / "log", tmp_path / "late"
        words = " ".join((*box.profiles(), "--allow-insecure-profile"))
        script.write_text(
            HOOK.format(twice=TWICE, late=late, python=sys.executable, words=words, log=log),
            encoding="utf-8",
        )
        script.chmod(0o755)
        box.notify = str(script)
        box.start()
        # On time: keepalived's umask is 0177, and yet the folder of the record can be entered.
        assert settled(box.is_active, True, PATIENCE), log.read_text()
        # The VIP is there before the hook has come to its end, and a link that goes down then
        # undoes it.
        assert settled(lambda: f"announced {VIP6}" in log.read_text(), True, PATIENCE)
        modes = {path.stat().st_mode & 0o777 for path in Path("/run/lvsdr").iterdir()}

        late.touch()
        box.host.ip("link set eth0 down")
        assert settled(box.is_standing_by, True, PATIENCE), log.read_text()
        box.host.ip("link set eth0 up")
        assert settled(lambda: "MASTER" in _state(box.folder), True, PATIENCE), log.read_text()
        box.host.ip("link set eth0 down")
        dropped = settled(lambda: "MASTER: dropped (is older" in log.read_text(), True, PATIENCE)

        assert dropped, log.read_text()
        # Of the two for the first MASTER, one had something to do.
        assert log.read_text().count(f"+ {VIP}/32 on eth0") == 1
        assert log.read_text().count(f"+ {VIP6}/128 on eth0") == 1
        assert box.is_standing_by()
        assert modes == {0o640}
        assert Path("/run/lvsdr").stat().st_mode & 0o777 == 0o750


def _state(folder: Path) -> str:
    """Return what keepalived entered last, by its log."""
    lines = (folder / "keepalived.log").read_text().splitlines()
    return next((line for line in reversed(lines) if "Entering" in line), "")
