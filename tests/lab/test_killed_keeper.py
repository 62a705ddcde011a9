"""A keeper that is killed at any moment while services die and come back: nobody stays stuck.

Every second time it is killed in the middle of a change: as soon as the record says what is to be
done. At each of its writes it is killed in test_down_servers.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from keepers import keeping
from peers import LVSDR, Peers, peers
from rig import RIPS, lvsdr
from witnesses import ipvsadm

from lvsdr.kernel import namespace

LONG = bool(os.environ.get("LVSDR_TORTURE"))
ROUNDS = 150 if LONG else 2
# Within this time of a death, or a return, its checks fail, and what follows is written.
SPAN = 2.0
PORTS = range(80, 84)
SEED = random.SystemRandom().getrandbits(32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    health = {"interval": 0.5, "timeout": 0.25, "fall": 2, "rise": 2}
    with peers(tmp_path_factory.mktemp("killed"), dict.fromkeys(PORTS, "dr"), health) as made:
        yield made


def killed(made: Peers, after: float | None, change: Callable[[], None]) -> bool:
    """Let a keeper run, change something, and kill it so many seconds after that.

    None: once the record is written. Returns whether the record has a change that was cut off.
    """
    record = Path(f"/run/lvsdr/{made.host.inside(namespace.identity)}.json")
    with keeping(made.host, "director", made.profiles[LVSDR]) as keeper:
        before, until = record.stat().st_ino, monotonic() + 10.0
        change()
        if after is not None:
            sleep(after)
        else:
            # Each time it is another file.
            while record.stat().st_ino == before and monotonic() < until:
                pass
        keeper.kill()
    return bool(json.loads(record.read_text(encoding="ascii"))["intents"])


def test_wherever_it_is_killed_nobody_is_stuck_out_or_in(
    made: Peers, record_property: Callable[[str, object], None]
) -> None:
    chosen, stuck = random.Random(SEED), list[str]()
    caught = 0

    for number in range(ROUNDS):
        moments = [None if number % 2 else chosen.uniform(0.2, SPAN) for _ in range(2)]
        caught += killed(made, moments[0], made.die)
        with keeping(made.host, "director", made.profiles[LVSDR]) as keeper:
            if not made.all_are("0", 10.0):
                stuck.append(f"in, round {number}: {ipvsadm(made.host)}")
            keeper.end()
        caught += killed(made, moments[1], lambda: made.serve(0))
        with keeping(made.host, "director", made.profiles[LVSDR]) as keeper:
            if not all(made.all_are("1", 10.0, rip) for rip in RIPS):
                stuck.append(f"out, round {number}: {ipvsadm(made.host)}")
            planned = lvsdr(made.host, "director", "plan", made.profiles[LVSDR])
            keeper.end()
        assert planned == "nothing to change\n"

    said = f"{len(stuck)} stuck of {2 * ROUNDS} kills, {caught} in the middle; seed {SEED}"
    record_property("measured", said)
    assert stuck == []
    assert caught > 0
