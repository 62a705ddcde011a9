"""Whole commands on large tables, uniform and varied, each a ratio against a peer in the same run.

    python -m lvsdr.lab --memory 1024 --timeout 3000 -- python benchmarks/whole_commands.py \
        [SERVICES EACH]

Rows that begin with floor are what a program in Python takes at least: it starts, reads the same
files, sends the same bytes, and decides nothing (parts/commands_floor.py).

A varied table differs in every field, from a seed; there are five. Each table has a process and a
namespace of its own, and so has its peer: deleted destinations lie in a list that every new one
walks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

SAMPLE = Path(__file__).with_name("parts") / "commands_sample.py"
SEEDS = ("1", "2", "3", "4", "5")
Sample = Mapping[str, float]

# An installed program is compiled.
BYTE_CODE = tempfile.TemporaryDirectory()
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": BYTE_CODE.name}

# The work, its value in a sample, its peer or nothing, and the goal.
ROWS = (
    ("first apply / `ipvsadm -R`", "apply", "ipvsadm -R", 0.06),
    ("nothing to change / `ipvsadm -Sn`", "nothing", "ipvsadm -Sn", 1.0),
    ("one weight changed / nothing to change", "one", "nothing", 1.1),
    ("withdraw / `ipvsadm -R`", "withdraw", "ipvsadm -R", 0.06),
    ("drain of one RIP in all / `ipvsadm -R` with `-e`", "drain", "ipvsadm -R with -e", 0.5),
    ("peak memory of apply, MiB", "apply MiB", "", 60.0),
    ("record on disk, MB", "record MB", "", 2.0),
)


def sample(kind: str, services: int, each: int, file: Path) -> Sample:
    """Return what a process of its own measures, in a fresh namespace."""
    words = ["unshare", "-nm", sys.executable, str(SAMPLE)]
    done = subprocess.run(
        [*words, kind, str(services), str(each), str(file)],
        env={**os.environ, **COMPILED},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: Sample = json.loads(done.stdout)
    return found


def measured(kind: str, services: int, each: int) -> Sample:
    """Return one table's values and those of its peers."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "saved"
        ours = sample(kind, services, each, file)
        peers = sample("restore", services, each, file)
        return {**ours, **peers, **sample("floor", services, each, file)}


def row(work: str, found: Sequence[Sample], value: Callable[[Sample], float], goal: float) -> str:
    values = [value(each) for each in found]
    met = sum(each <= goal for each in values)
    spread = f"{min(values):.3f} to {max(values):.3f}"
    return f"| {work} | {goal:g} | {median(values):.3f} | {spread} | {met} of {len(values)} |"


def main() -> None:
    """Print the table for varied tables, then the ratio between varied and uniform ones."""
    services, each = map(int, sys.argv[1:] or ("1000", "50"))
    sample("uniform", 1, 1, Path(BYTE_CODE.name) / "first")
    print(f"{services} x {each}, load {os.getloadavg()[0]:.1f}")
    found = [measured(seed, services, each) for seed in SEEDS]
    print("| work | goal | median | from, to | met |\n|---|---|---|---|---|")
    for work, ours, peer, goal in ROWS:
        print(row(work, found, _ratio(ours, peer), goal), flush=True)
    for work, ours, peer, goal in ROWS:
        if f"floor of {ours}" in found[0]:
            print(row(f"floor: {work}", found, _ratio(f"floor of {ours}", peer), goal), flush=True)
    even = [measured("uniform", services, each) for _ in range(3)]
    for work, ours, peer, goal in ROWS:
        print(row(f"uniform: {work}", even, _ratio(ours, peer), goal), flush=True)
    for _, ours, _, _ in ROWS[:5]:
        ratio = median(each[ours] for each in found) / median(each[ours] for each in even)
        print(f"| varied / uniform: {ours} | 1.3 | {ratio:.2f} | | |")
    for name in found[0]:
        print(f"{name}: {median(each[name] for each in found):.2f}, uniform", end=" ")
        print(f"{median(each[name] for each in even):.2f}")


def _ratio(ours: str, peer: str) -> Callable[[Sample], float]:
    return lambda found: found[ours] / (found[peer] if peer else 1.0)


if __name__ == "__main__":
    main()
