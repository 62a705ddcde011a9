"""How what `director apply` takes grows with its table, up to many real servers in one service.

    python -m lvsdr.lab --memory 1024 --timeout 3000 -- python benchmarks/growth.py

Tables differ in every field, from five seeds. Each sample is a process of its own in a fresh
namespace: deleted destinations lie in a list that every new one walks.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

SAMPLE = Path(__file__).with_name("parts") / "growth_sample.py"
SEEDS = ("1", "2", "3", "4", "5")
SIZES = (100, 1_000, 10_000, 100_000)
IN_A_SERVICE = (10, 100)
MANY = 16_000

# An installed program is compiled.
BYTE_CODE = tempfile.TemporaryDirectory()
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": BYTE_CODE.name}


def seconds(name: str, services: int, each: int, seed: str) -> float:
    """Take one sample."""
    words = ["unshare", "-nm", sys.executable, str(SAMPLE), name, str(services), str(each), seed]
    environment = {**os.environ, **COMPILED}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(json.loads(done.stdout))


def growth(name: str, each: int) -> str:
    """Return how a command grows with the number of services of `each` real servers."""
    taken = {size: median(seconds(name, size // each, each, it) for it in SEEDS) for size in SIZES}
    said = ", ".join(f"{value:.2f}" for value in taken.values())
    smaller, larger = SIZES[:-1], SIZES[1:]
    steps = [
        math.log(taken[large] / taken[small]) / math.log(large / small)
        for small, large in zip(smaller, larger, strict=True)
    ]
    whole = sum(steps) / len(steps)
    return f"| {name}, services of {each} | 1.1 | {whole:.2f}, steepest {max(steps):.2f} | {said} |"


def many_in_one(name: str) -> str:
    """Return how long one service of many real servers takes, against a replay of its bytes."""
    ratios, taken = [], []
    for seed in SEEDS:
        ours, replay = (seconds(each, 1, MANY, seed) for each in (name, "replay"))
        ratios.append(ours / replay)
        taken.append(f"{ours:.2f} / {replay:.2f}")
    spread = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"| {MANY:,} in one service, {name} / replay | 1.5 | {spread} | {', '.join(taken)} |"


def main() -> None:
    """Print the table."""
    seconds("apply", 1, 1, "1")
    print(f"load {os.getloadavg()[0]:.1f}")
    print("| work | goal | measured | seconds |\n|---|---|---|---|")
    for name in ("apply", "engine"):
        print(many_in_one(name), flush=True)
    for each in IN_A_SERVICE:
        for name in ("apply", "again"):
            print(growth(name, each), flush=True)


if __name__ == "__main__":
    main()
