"""A keeper that is killed at any moment while services die and come back: nobody stays stuck."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from time import sleep

import pytest
from keepers import keeping
from peers import LVSDR, Peers, peers
from rig import RIPS, lvsdr
from witnesses import ipvsadm

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


def killed(made: Peers, after: float, change: Callable[[], None]) -> None:
    """Let a keeper run, change something, and kill it so many seconds after that."""
    with keeping(made.host, "director", made.profiles[LVSDR]) as keeper:
        change()
        sleep(after)
        keeper.kill()


def test_wherever_it_is_killed_nobody_is_stuck_out_or_in(
    made: Peers, record_property: Callable[[str, object], None]
) -> None:
    chosen, stuck = random.Random(SEED), list[str]()
    caught = 0

    for number in range(ROUNDS):
        after = chosen.uniform(0.2, SPAN)
        killed(made, after, made.die)
        caught += 0 < list(made.weights().values()).count("0") < len(PORTS)
        with keeping(made.host, "director", made.profiles[LVSDR]) as keeper:
            if not made.all_are("0", 10.0):
                stuck.append(f"in, round {number}: {ipvsadm(made.host)}")
            keeper.end()
        killed(made, chosen.uniform(0.2, SPAN), lambda: made.serve(0))
        with keeping(made.host, "director", made.profiles[LVSDR]) as keeper:
            if not all(made.all_are("1", 10.0, rip) for rip in RIPS):
                stuck.append(f"out, round {number}: {ipvsadm(made.host)}")
            planned = lvsdr(made.host, "director", "plan", made.profiles[LVSDR])
            keeper.end()
        assert planned == "nothing to change\n"

    record_property(
        "measured", f"{len(stuck)} stuck of {2 * ROUNDS} kills, seed {SEED}; {caught} in the middle"
    )
    assert stuck == []
