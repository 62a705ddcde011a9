"""Failover with lvsdr behind keepalived, against a shell script that does the same by hand.

The longest time without an answer, and what a transition costs. Run in the lab: make bench
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic, sleep

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "lab")]

from load import asked, longest_gap  # noqa: E402
from pairs import LIMIT, Box, Pair, pair  # noqa: E402
from rig import RIPS, VIP, director, settled  # noqa: E402

from lvsdr.lab.lvsdr_command import lvsdr_command  # noqa: E402

ROUNDS = 5
Fate = Callable[[Pair], None]
# What an administrator writes: table and VIP for the master, neither for all others.
SCRIPT = f"""#!/bin/sh
case $3 in
MASTER)
	ipvsadm -R <<'END'
-A -t {VIP}:80 -s wlc
{"".join(f"-a -t {VIP}:80 -r {rip}:80 -g -w 1" + chr(10) for rip in RIPS)}END
	ip address add {VIP}/32 dev eth0
	arping -q -c 1 -U -I eth0 {VIP}
	;;
*)
	ip address del {VIP}/32 dev eth0 2>/dev/null
	ipvsadm -D -t {VIP}:80 2>/dev/null
	;;
esac
exit 0
"""


def gaps(made: Pair, fail: Fate, mend: Fate) -> Iterator[float]:
    """Yield the longest time without an answer of each round in which the master fails."""
    first, second = made.boxes
    for _ in range(ROUNDS):
        with asked(made.lab.client, VIP) as answers:
            assert settled(partial(_more_than, answers, 3), True)
            fail(made)
            assert settled(second.is_active, True, LIMIT)
            assert settled(partial(_more_than, answers, len(answers) + 3), True)
        yield longest_gap(answers)
        mend(made)
        made.ready(first)


def _stop(made: Pair) -> None:
    made.boxes[0].stop()


def _kill(made: Pair) -> None:
    made.boxes[0].stop(signal.SIGKILL)


def _start(made: Pair) -> None:
    made.boxes[0].start()


def _unplug(made: Pair) -> None:
    made.boxes[0].host.ip("link set eth0 down")


def _plug_in(made: Pair) -> None:
    made.plug_in(made.boxes[0])


FATES = {
    "keepalived stops": (_stop, _start),
    "the link goes down": (_unplug, _plug_in),
    "keepalived is killed": (_kill, _start),
}


def all_gaps(made: Pair) -> dict[str, list[float]]:
    """Return the gaps for each way in which the master fails."""
    return {title: list(gaps(made, *fate)) for title, fate in FATES.items()}


def _more_than(seen: Sized, count: int) -> bool:
    return len(seen) > count


@contextmanager
def with_script(folder: Path) -> Iterator[Pair]:
    """Give the pair with the shell script as the hook."""
    # Below /run: keepalived runs nothing that lies in a folder others may write.
    script = Path("/run/by-hand")
    script.write_text(SCRIPT, encoding="ascii")
    script.chmod(0o755)
    with pair(folder, director()) as made:
        for box in made.boxes:
            box.notify = str(script)
            box.start()
        made.ready(made.boxes[0])
        yield made


@contextmanager
def with_fifo(folder: Path) -> Iterator[Pair]:
    """Give the pair with lvsdr behind the FIFO."""
    with pair(folder, director()) as made:
        for box in made.boxes:
            box.follow()
            box.start()
        made.ready(made.boxes[0])
        yield made


def cost(turn: Callable[[str], None], box: Box) -> float:
    """Return the median time from saying so until the last change is done, in both directions."""
    took = []
    for _ in range(ROUNDS):
        for state, done in (("MASTER", box.is_active), ("BACKUP", box.is_standing_by)):
            start = monotonic()
            turn(state)
            took.append(monotonic() - start)
            assert settled(done, True, LIMIT)
            # It still announces the VIP; the next transition is not to wait for that.
            sleep(0.4)
    return median(took)


def costs(made: Pair, script: Path) -> Iterator[tuple[str, float]]:
    """Yield what a transition costs: by hand, by a program started for it, behind the FIFO."""
    box = made.boxes[1]
    for each in made.boxes:
        each.stop()
    assert settled(box.is_standing_by, True, LIMIT)
    yield "shell script", cost(lambda s: _run(box, str(script), "INSTANCE", "VI_1", s, "50"), box)
    words = ("keepalived", "notify", *box.profiles(), "--allow-insecure-profile")
    hook = lvsdr_command(*words, "INSTANCE", "VI_1")
    yield "lvsdr keepalived notify", cost(lambda s: _run(box, *hook, s, "50"), box)
    assert box.follower is not None
    yield "lvsdr keepalived fifo", cost(lambda s: _say(box, s), box)


def _run(box: Box, *command: str) -> None:
    box.host.run(*command)


def _say(box: Box, state: str) -> None:
    """Say so on the FIFO; return when the last change is done, which is before the announcing.

    That is the VIP for the master, and the table for a standby.
    """
    line = f'INSTANCE "VI_1" {state} 50\n'.encode()
    packed = "".join(f"{int(part):02X}" for part in VIP.split("."))

    def done() -> bool:
        net = Path("/proc/thread-self/net")
        if state == "MASTER":
            return f"-- {VIP}\n" in (net / "fib_trie").read_text(encoding="ascii")
        return packed not in (net / "ip_vs").read_text(encoding="ascii")

    def say() -> None:
        descriptor = os.open(box.fifo, os.O_WRONLY)
        os.write(descriptor, line)
        os.close(descriptor)
        while not done():
            sleep(0.0005)

    box.host.inside(say)


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "hand").mkdir()
        (folder / "fifo").mkdir()
        with with_script(folder / "hand") as made:
            by_hand = all_gaps(made)
        with with_fifo(folder / "fifo") as made:
            ours = all_gaps(made)
            spent = list(costs(made, Path("/run/by-hand")))
    print(f"longest time without an answer, {ROUNDS} rounds: median (least to most)")
    for title, found in by_hand.items():
        for who, seconds in (("shell script", found), ("lvsdr keepalived fifo", ours[title])):
            ratio = median(seconds) / median(found)
            span = f"({min(seconds):.2f} to {max(seconds):.2f})"
            print(f"{title:24}{who:24}{median(seconds):7.2f} s {span:18}{ratio:6.2f}")
    print(f"a transition, median of {2 * ROUNDS}; ratio to the shell script")
    for title, cost_of in spent:
        print(f"{title:28}{cost_of * 1000:7.0f} ms{cost_of / spent[0][1]:25.2f}")


if __name__ == "__main__":
    main()
