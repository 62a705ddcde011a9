"""Connections are known to both directors: the daemons of the profiles really tell each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import program
import pytest
from pairs import Pair, pair
from rig import RIPS, VIP, director, settled, virtual_server

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import ask

DAEMONS = [{"state": state, "syncid": 7} for state in ("master", "backup")]
# Each packet is told at once, not every fiftieth; see ipvs-sysctl.rst of the kernel.
AT_ONCE = {"sync_threshold": "0 1"}
WANTED = director(virtual_server(scheduler="rr"), sync_daemons=DAEMONS, sysctls=AT_ONCE)
CLIENTS = 6


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Pair]:
    with pair(tmp_path, {**WANTED, "standby": "synced"}) as made:
        yield made


def become(made: Pair, number: int, state: str) -> None:
    box = made.boxes[number]
    words = ("keepalived", "notify", *box.profiles(), "--allow-insecure-profile")
    done = program.run(box.host, *words, "INSTANCE", "VI_1", state, str(box.priority))
    assert done.returncode == 0, done.stderr


def known(host: Host) -> set[tuple[str, str]]:
    """Return each connection to the VIP, as the kernel's table shows it: client, real server."""
    table = host.inside(lambda: Path("/proc/thread-self/net/ip_vs_conn").read_text())
    rows = [line.split() for line in table.splitlines()[1:]]
    return {(f"{row[1]}:{row[2]}", row[5]) for row in rows if row[3] == hexed(VIP)}


def hexed(address: str) -> str:
    return bytes(map(int, address.split("."))).hex().upper()


def test_what_the_active_one_schedules_the_standby_knows(made: Pair) -> None:
    active, standby = (box.host for box in made.boxes)
    become(made, 1, "BACKUP")
    become(made, 0, "MASTER")

    served = ask(made.lab.client, made.services[0], made.lab.client_addresses(4), CLIENTS)
    of_the_active = known(active)
    of_the_standby = settled(lambda: known(standby), of_the_active)

    assert sum(served[who] for who in ("rs1", "rs2")) == CLIENTS
    assert len(of_the_active) == CLIENTS
    assert {rip for _, rip in of_the_active} == set(map(hexed, RIPS))
    assert of_the_standby == of_the_active


def test_without_the_daemons_the_standby_knows_nothing(made: Pair) -> None:
    active, standby = (box.host for box in made.boxes)
    become(made, 1, "BACKUP")
    become(made, 0, "MASTER")
    active.run("ipvsadm", "--stop-daemon", "master")

    ask(made.lab.client, made.services[0], made.lab.client_addresses(4), CLIENTS)
    differing = settled(lambda: known(standby) != set(), True, seconds=2)

    assert len(known(active)) == CLIENTS
    assert not differing
