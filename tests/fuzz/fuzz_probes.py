"""Fuzz the reader of what answers a path probe.

PYTHONPATH=tests python -m fuzz.fuzz_probes -atheris_runs=1000000
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

from fuzz.mutations import atheris

with atheris.instrument_imports(include=["lvsdr"]):
    from fuzz.frames import FRAMES, mutated, one


def _mutate(raw: bytes, most: int, seed: int) -> bytes:
    chance = random.Random(seed)
    if chance.random() < 0.5:
        return mutated(raw, chance)[:most]
    return bytes(atheris.Mutate(raw, most))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        for number, frame in enumerate(FRAMES):
            (Path(made) / f"{number:04}").write_bytes(frame)
        atheris.Setup([*sys.argv, made], one, custom_mutator=_mutate)
        atheris.Fuzz()
