"""Hooks that keepalived starts, late and twice; and who speaks last of two that became master."""

from __future__ import annotations

import os
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
from pairs import LIMIT, Box, pair
from rig import VIP, VIP6, director, realserver, settled, virtual_server
from witnesses import neighbour

from lvsdr.core.book import Book
from lvsdr.keepalived.ledger import Ledger
from lvsdr.kernel import namespace
from lvsdr.lab.services import ask
from lvsdr.wire.announce import Announcer

# A program takes three seconds to start here.
PATIENCE = 3 * LIMIT
RIPS6 = ("fd00::13", "fd00::14")
HOOK = """#!/bin/sh
[ "$3" = MASTER ] && for _ in $(seq 300); do [ -e {late} ] || break; sleep 0.1; done
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
        assert settled(lambda: _done(box), "BACKUP", PATIENCE) == "BACKUP", log.read_text()
        box.host.ip("link set eth0 down")
        assert settled(lambda: _done(box), "FAULT", PATIENCE) == "FAULT", log.read_text()
        late.unlink()
        dropped = settled(lambda: "MASTER: dropped (is older" in log.read_text(), True, PATIENCE)

        assert dropped, log.read_text()
        # Of the two for the first MASTER, one had something to do.
        assert log.read_text().count(f"+ {VIP}/32 on eth0") == 1
        assert log.read_text().count(f"+ {VIP6}/128 on eth0") == 1
        assert box.is_standing_by()
        assert modes == {0o640}
        assert Path("/run/lvsdr").stat().st_mode & 0o777 == 0o750


def test_a_new_director_speaks_again_after_one_that_spoke_last_and_went(tmp_path: Path) -> None:
    with pair(tmp_path, director()) as made:
        first, second = made.boxes
        gateway = made.lab.gateway
        first.follow()
        pipe = os.open(first.fifo, os.O_WRONLY)
        os.write(pipe, b'INSTANCE "VI_1" MASTER 100\n')
        assert settled(first.is_active, True, LIMIT)
        ask(made.lab.client, made.services[0], made.lab.client_addresses(4), 1)

        def led_astray() -> str:
            second.host.inside(_announced)
            return neighbour(gateway, VIP)

        # Once more, for the gateway takes no second word within a second.
        astray = settled(led_astray, made.mac(second), LIMIT, every=0.2)
        led_back = settled(lambda: neighbour(gateway, VIP), made.mac(first), LIMIT)
        os.close(pipe)

        assert (astray, led_back) == (made.mac(second), made.mac(first))


def _announced() -> None:
    """Announce the VIP, as a director does that is none any more a moment later."""
    with Announcer("eth0") as announcer:
        announcer.announce([ip_address(VIP)], count=1)


def _done(box: Box) -> str:
    """Return which state the hooks have carried out last, by their ledger."""
    ledger = Ledger(Book(box.host.inside(namespace.identity)), str(box.director))
    newest = ledger.newest("INSTANCE VI_1")
    return newest.state if newest is not None and newest.settled else ""


def _state(folder: Path) -> str:
    """Return what keepalived entered last, by its log."""
    lines = (folder / "keepalived.log").read_text().splitlines()
    return next((line for line in reversed(lines) if "Entering" in line), "")
