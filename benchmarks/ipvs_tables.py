"""The rows of the table in README.md that are about IPVS: each a ratio against a peer, in one run.

    python -m lvsdr.lab --memory 1024 --timeout 3000 -- python benchmarks/ipvs_tables.py [ROW...]

A sample is a process of its own in a fresh namespace: deleted destinations lie in a list that
every new one walks. Samples of a row and of its peer take turns, so that both see the same load.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SAMPLES = int(os.environ.get("SAMPLES", "5"))
SAMPLE = Path(__file__).with_name("parts") / "ipvs_sample.py"

# An installed program is compiled.
BYTE_CODE = tempfile.TemporaryDirectory()
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": BYTE_CODE.name}


@dataclass(frozen=True, slots=True)
class Row:
    """What is measured, its peer, how large a table, and the ratio that is the goal (the aim)."""

    work: str
    sample: str
    peer: str
    services: int
    each: int
    goal: float
    aim: float


ROWS = {
    "apply": Row("first apply, whole command", "whole_apply", "peer_apply", 1000, 50, 0.12, 0.05),
    "engine": Row("first apply, engine", "engine_apply", "peer_apply", 1000, 50, 0.03, 0.03),
    "floor": Row("first apply, engine / floor", "engine_apply", "floor_apply", 1000, 50, 6, 2.5),
    "small": Row("first apply, whole command", "whole_apply", "peer_apply", 100, 50, 0.7, 0.25),
    "same": Row("nothing to change, engine", "engine_same", "peer_same", 1000, 50, 0.5, 0.25),
    "one": Row("one weight / no change, engine", "engine_one", "engine_same", 1000, 50, 1.1, 1.1),
    "drain": Row("one drained everywhere", "engine_drain", "peer_drain", 1000, 50, 0.05, 0.02),
    "churn": Row("1 % changed, whole command", "whole_churn", "peer_churn", 1000, 20, 0.2, 0.2),
    "withdraw": Row("withdraw, whole", "whole_withdraw", "peer_withdraw", 1000, 50, 0.12, 0.12),
    "maglev": Row("mh created, engine", "engine_maglev", "peer_maglev", 100, 50, 0.2, 0.2),
}
MOST_MEMORY = 200.0


def sample(name: str, services: int, each: int) -> dict[str, float]:
    """Take one sample and return its seconds, and MiB of the largest process that it ran."""
    words = ["unshare", "-nm", sys.executable, str(SAMPLE), name, str(services), str(each)]
    environment = {**os.environ, **COMPILED}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


Peer = tuple[str, int, int]
"""A peer and the size of its table: rows that share it are measured with the same samples."""


def by_peer(names: Iterable[str]) -> dict[Peer, list[Row]]:
    found: dict[Peer, list[Row]] = {}
    for row in (ROWS[name] for name in names):
        found.setdefault((row.peer, row.services, row.each), []).append(row)
    return found


def measured(peer: Peer, rows: list[Row]) -> Iterator[str]:
    ours: dict[str, list[float]] = {row.sample: [] for row in rows}
    peers: list[float] = []
    for _ in range(SAMPLES):
        for name, seconds in ours.items():
            seconds.append(sample(name, *peer[1:])["seconds"])
        peers.append(sample(*peer)["seconds"])
    for row in rows:
        ratio = median(ours[row.sample]) / median(peers)
        met = "aim" if ratio <= row.aim else "goal" if ratio <= row.goal else "MISSED"
        yield (
            f"| {row.work}, {row.services} x {row.each} | {row.goal} ({row.aim}) | {ratio:.3f} |"
            f" {median(ours[row.sample]):.3f} s / {median(peers):.3f} s | {met} |"
        )


def memory() -> str:
    peak = max(sample("whole_apply", 1000, 50)["memory"] for _ in range(min(SAMPLES, 3)))
    met = _met(peak, MOST_MEMORY)
    return f"| peak memory, apply 1000 x 50 | {MOST_MEMORY:.0f} MiB | {peak:.0f} MiB | | {met} |"


def _met(value: float, goal: float) -> str:
    return "goal" if value <= goal else "MISSED"


def main() -> None:
    chosen = sys.argv[1:] or [*ROWS, "memory"]
    sample("whole_apply", 1, 1)
    print("| work | goal (aim) | measured | medians | met |\n|---|---|---|---|---|")
    for peer, rows in by_peer(name for name in chosen if name in ROWS).items():
        print(*measured(peer, rows), sep="\n", flush=True)
    if "memory" in chosen:
        print(memory(), flush=True)


if __name__ == "__main__":
    main()
