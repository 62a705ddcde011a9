"""Fuzz the import of keepalived.conf: any lines are profiles that are sound, or one clear error.

PYTHONPATH=tests python -m fuzz.fuzz_import NUMBER [SEED]
"""

from __future__ import annotations

import sys
from random import Random

from fuzz.keepalived_files import mutated, one, seeds

EACH = 10_000


def main(number: int, seed: int) -> None:
    """Import so many files; what goes wrong is printed with its input, and ends the run."""
    known, sound = seeds(), 0
    for count in range(number):
        text = mutated(known, Random(f"{seed}:{count}"))
        try:
            sound += one(text)
        except BaseException:
            print(f"--- input {count} of seed {seed}\n{text}\n---", flush=True)
            raise
        if (count + 1) % EACH == 0:
            print(f"{count + 1} inputs, {sound} of them became profiles", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
