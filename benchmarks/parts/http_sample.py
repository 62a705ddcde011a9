"""Ask many real servers by HTTP at once, and say how many answered, how soon, and what it took.

http_sample.py PROFILE SECONDS TIMES

In the namespace of the director; each check has SECONDS. It prints a JSON object for each of TIMES.
"""

from __future__ import annotations

import json
import select
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from time import monotonic, process_time

from lvsdr.cli.wire_checkers import open_checkers
from lvsdr.keeper.check_targets import packets, targets
from lvsdr.keeper.checker import Checker
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read


def main() -> None:
    path, seconds, times = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    profile = read(path, "director")
    assert isinstance(profile, DirectorProfile)
    with LinuxKernel() as kernel:
        host = kernel.inspect(lambda _: packets(profile), table=False, others=False)
    asked = [
        replace(each, health=replace(each.health, timeout=seconds))
        for each in targets(profile, host)
    ]
    (asking,) = open_checkers(lambda _: (), asked)
    for _ in range(times):
        print(json.dumps(at_once(asking.checker, len(asked), seconds)), flush=True)
    asking.checker.close()


def at_once(checker: Checker, count: int, seconds: float) -> dict[str, object]:
    """Ask all, and return what came of it."""
    start, cpu = monotonic(), process_time()
    checker.begin(range(count), start)
    said: Counter[str] = Counter()
    last = 0.0
    while sum(said.values()) < count and monotonic() < start + seconds + 1:
        waiting = select.poll()
        for number in checker.filenos():
            waiting.register(number, select.POLLIN)
        waiting.poll(5)
        for each in checker.results(monotonic()):
            said[each.why or "serves"] += 1
            last = each.at - start
    return {"took": last, "cpu": process_time() - cpu, "said": dict(said)}


if __name__ == "__main__":
    main()
