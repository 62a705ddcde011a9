"""One sample: a process of its own, in a network namespace of its own; prints seconds and MiB.

unshare -nm python benchmarks/parts/ipvs_sample.py NAME SERVICES EACH
"""

from __future__ import annotations

import gc
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

from growth_sample import replay
from tables import SET_UP, VIP

from lvsdr.cli.main import GARBAGE
from lvsdr.core.planner import plan
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.lvsdr_command import lvsdr_command
from lvsdr.model.change import Plan
from lvsdr.model.objects import Objects, keyed
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read

FOLDER = Path(tempfile.mkdtemp())
Weights = Callable[[int, int], int]
"""The weight of a real server by its service's number and its own."""


def even(service: int, server: int) -> int:
    return 1


def rip(service: int, server: int) -> str:
    return f"10.{service % 200 + 1}.{server // 250}.{server % 250 + 1}"


def profile(services: int, each: int, weights: Weights = even, scheduler: str = "wlc") -> Path:
    servers = [
        {
            "vip": VIP,
            "protocol": "tcp",
            "port": 1000 + number,
            "scheduler": scheduler,
            "real_servers": [
                {"rip": rip(number, place), "weight": weights(number, place)}
                for place in range(each)
            ],
        }
        for number in range(services)
    ]
    whole = {"role": "director", "name": "big", "interface": "eth0", "vips": [{"address": VIP}]}
    path = FOLDER / "director.json"
    path.write_text(json.dumps({**whole, "virtual_servers": servers}), encoding="utf-8")
    return path


def lines(services: int, each: int, weights: Weights = even) -> str:
    said = []
    for number in range(services):
        said.append(f"-A -t {VIP}:{1000 + number} -s wlc")
        said += (
            f"-a -t {VIP}:{1000 + number} -r {rip(number, place)} -g -w {weights(number, place)}"
            for place in range(each)
        )
    return "\n".join(said) + "\n"


def wanted(path: Path) -> Objects:
    found = read(path, "director")
    assert isinstance(found, DirectorProfile)
    return keyed((*found.virtual_servers, *found.real_servers))


def timed(*words: str, text: str | None = None) -> float:
    # To look for it in the folders of PATH takes long in User-Mode Linux, and is not its own time.
    words = (shutil.which(words[0]) or words[0], *words[1:])
    start = perf_counter()
    subprocess.run(words, input=text, text=True, stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - start


def lvsdr(command: str, path: Path) -> float:
    return timed(*lvsdr_command("director", command, str(path)))


def restore(text: str) -> float:
    return timed("ipvsadm", "-R", text=text)


# --- samples -------------------------------------------------------------------------------------


def peer_apply(services: int, each: int) -> float:
    return restore(lines(services, each))


def whole_apply(services: int, each: int) -> float:
    return lvsdr("apply", profile(services, each))


def engine_apply(services: int, each: int) -> float:
    todo = plan(wanted(profile(services, each)), {}, {})
    return executed(todo)


def executed(todo: Plan) -> float:
    with LinuxKernel() as kernel:
        start = perf_counter()
        kernel.execute(todo)
        return perf_counter() - start


def floor_apply(services: int, each: int) -> float:
    """Replay prepared bytes, as a program in C would: what the kernel itself takes."""
    return replay(profile(services, each))


def peer_same(services: int, each: int) -> float:
    restore_by_engine(services, each)
    return timed("ipvsadm", "-Sn")


def restore_by_engine(services: int, each: int) -> Objects:
    desired = wanted(profile(services, each))
    executed(plan(desired, {}, {}))
    return desired


def engine_same(services: int, each: int) -> float:
    restore_by_engine(services, each)
    return brought_to(wanted(profile(services, each)), changes=0)


def engine_one(services: int, each: int) -> float:
    restore_by_engine(services, each)
    heavier = profile(services, each, lambda service, server: 1 + (service == server == 1))
    return brought_to(wanted(heavier), changes=1)


def brought_to(desired: Objects, changes: int) -> float:
    with LinuxKernel() as kernel:
        start = perf_counter()
        todo = plan(desired, kernel.observe(desired.keys(), desired), {})
        if todo:
            kernel.execute(todo)
        seconds = perf_counter() - start
    assert len(todo) == changes
    return seconds


def drained(service: int, server: int) -> int:
    return 0 if server == 0 else 1


def engine_drain(services: int, each: int) -> float:
    before = restore_by_engine(services, each)
    return executed(plan(wanted(profile(services, each, drained)), before, {}))


def peer_drain(services: int, each: int) -> float:
    restore_by_engine(services, each)
    edits = (
        f"-e -t {VIP}:{1000 + number} -r {rip(number, 0)} -g -w 0" for number in range(services)
    )
    return restore("\n".join(edits) + "\n")


def churned(service: int, server: int) -> int:
    return 2 if (service * 20 + server) % 100 == 0 else 1


def whole_churn(services: int, each: int) -> float:
    lvsdr("apply", profile(services, each))
    return lvsdr("apply", profile(services, each, churned))


def peer_churn(services: int, each: int) -> float:
    restore_by_engine(services, each)
    return timed("ipvsadm", "-C") + restore(lines(services, each, churned))


def whole_withdraw(services: int, each: int) -> float:
    path = profile(services, each)
    lvsdr("apply", path)
    return lvsdr("withdraw", path)


def peer_withdraw(services: int, each: int) -> float:
    restore_by_engine(services, each)
    said: list[str] = []
    for number in range(services):
        said += (f"-d -t {VIP}:{1000 + number} -r {rip(number, place)}" for place in range(each))
        said.append(f"-D -t {VIP}:{1000 + number}")
    return restore("\n".join(said) + "\n")


def engine_maglev(services: int, each: int) -> float:
    return executed(plan(wanted(profile(services, each, scheduler="mh")), {}, {}))


def peer_maglev(services: int, each: int) -> float:
    """Add each real server under mh."""
    todo = plan(wanted(profile(services, each, scheduler="mh")), {}, {})
    made, filled = todo[:services], todo[services:]
    with LinuxKernel() as kernel:
        start = perf_counter()
        kernel.execute(made)
        kernel.execute(filled)
        return perf_counter() - start


SAMPLES: Mapping[str, Callable[[int, int], float]] = {
    sample.__name__: sample
    for sample in (
        *(peer_apply, whole_apply, engine_apply, floor_apply),
        *(peer_same, engine_same, engine_one),
        *(peer_drain, engine_drain),
        *(peer_churn, whole_churn),
        *(peer_withdraw, whole_withdraw),
        *(peer_maglev, engine_maglev),
    )
}


def main() -> None:
    gc.set_threshold(GARBAGE)
    for words in SET_UP:
        subprocess.run(words.split(), check=True)
    name, services, each = sys.argv[1:]
    seconds = SAMPLES[name](int(services), int(each))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "memory": memory}))


if __name__ == "__main__":
    main()
