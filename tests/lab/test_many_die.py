"""Five hundred real servers die at once: out of the table in time, and in one batch."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from keepers import keeping
from many_servers import HEALTH, Segment, document, rip, segment, uniform
from rig import settled
from witnesses import GENERIC, captured, writes_in

MANY = 500
# Beside a sample other guests run on the same CPUs.
PATIENCE = 1 if os.environ.get("LVSDR_TORTURE") else 4
IN_TIME = PATIENCE * (HEALTH["fall"] * HEALTH["interval"] + 0.5)
# The first real server of each pair is the first host's.
DEAD = {int.from_bytes(map(int, rip(2 * number).split("."))) for number in range(MANY)}
ROW = re.compile(r"-> ([0-9A-F]{8}):[0-9A-F]{4} +\w+ +(\d+) ")


def weights(made: Segment) -> dict[int, int]:
    """Return the weights of those that die, as the kernel's own file says them."""
    text = made.director.inside(lambda: Path("/proc/thread-self/net/ip_vs").read_text())
    return {int(rip, 16): int(weight) for rip, weight in ROW.findall(text) if int(rip, 16) in DEAD}


def batches(packets: list[bytes]) -> list[int]:
    """Return how many real servers each message to the kernel has changed at once."""
    family = [(int.from_bytes(each[14:16]), each[16:]) for each in packets]
    counts = (list(writes_in(kind, body)).count("SET_DEST") for kind, body in family)
    return [count for count in counts if count]


def test_five_hundred_that_die_at_once_are_out_in_time_in_one_batch(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    services = uniform(2 * MANY)
    path = tmp_path / "director.json"
    path.write_text(json.dumps(document(services)))

    with segment(services) as made:
        made.director.ip("link add nlmon0 type nlmon", "link set nlmon0 up")
        with keeping(made.director, "director", path) as keeper:
            before = settled(lambda: set(weights(made).values()), {1}, 20.0)
            # All have been asked, and their MAC addresses are known.
            settled(lambda: keeper.kinds.count("DOWN"), 1, 3.0)
            # A look of the keeper's has a thousand messages, and tcpdump has room for fewer.
            with captured(made.director, "nlmon0", "greater 1000") as packets:
                made.serving["rs1"].close()
                begun = monotonic()
                after = settled(lambda: set(weights(made).values()), {0}, 20.0, every=0.05)
                took = monotonic() - begun
            told = settled(lambda: keeper.kinds.count("DOWN"), MANY, 10.0)
            keeper.end()

    found = batches(packets)
    record_property(
        "measured", f"{MANY} die at once: out after {took:.2f} s, in batches of {found}"
    )
    assert GENERIC and (before, after, told) == ({1}, {0}, MANY)
    assert sum(found) == MANY
    assert took <= IN_TIME
    assert PATIENCE > 1 or found == [MANY], found
