"""One table, one namespace: the seconds of one command, or of a replay of the bytes it sends.

unshare -nm python benchmarks/parts/growth_sample.py NAME SERVICES EACH SEED

NAME is apply, for the first time; again, with nothing to change; engine, the first apply's changes
alone; or replay, as a program in C would do it that has prepared all it sends: what the kernel
itself takes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from commands_sample import lvsdr, write
from prepared_sends import sends
from tables import SET_UP, varied

from lvsdr.core.planner import plan
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.model.change import Plan
from lvsdr.model.objects import keyed
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read


def planned(path: Path) -> Plan:
    """Return what a first apply does to the table."""
    found = read(path, "director")
    assert isinstance(found, DirectorProfile)
    return plan(keyed((*found.virtual_servers, *found.real_servers)), {}, {})


def engine(path: Path) -> float:
    """Return the seconds of the changes of a first apply."""
    todo = planned(path)
    with LinuxKernel() as kernel:
        start = perf_counter()
        kernel.execute(todo)
        return perf_counter() - start


def replay(path: Path) -> float:
    """Return the seconds of sending what a first apply sends."""
    todo = planned(path)
    with LinuxKernel() as kernel:
        wire = kernel._sockets.ipvs
        prepared = [*sends(wire, todo)]
        start = perf_counter()
        for send in prepared:
            assert not wire.batch(send)
        return perf_counter() - start


def main() -> None:
    for words in SET_UP:
        subprocess.run(words.split(), check=True)
    name, services, each, seed = sys.argv[1:]
    path = write(varied(int(services), int(each), int(seed)))
    if name in PARTS:
        seconds = PARTS[name](path)
    else:
        seconds = lvsdr("apply", path)
        if name == "again":
            seconds = lvsdr("apply", path)
    print(json.dumps(seconds))


PARTS = {"engine": engine, "replay": replay}


if __name__ == "__main__":
    main()
