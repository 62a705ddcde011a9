"""Check real servers for some seconds as the keeper does, without a table, and say what it took.

rounds_sample.py PROFILE SECONDS

In the namespace of the director. It prints one JSON object: the seconds of CPU, the peak memory in
MiB, how late checks began, and what became of them. The tables are left out, so that it runs on a
kernel without IPVS too.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, process_time

from lvsdr.cli.wire_checkers import open_checkers
from lvsdr.keeper.check_targets import packets, targets
from lvsdr.keeper.path_states import PathStates, Turn
from lvsdr.keeper.resident import Resident
from lvsdr.keeper.rounds_of_checks import CheckRounds
from lvsdr.keeper.timetable import Timetable
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.model.health import CheckResult
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read

SETTLED = 3.0


LATE: list[float] = []


class Late(Timetable):
    """A timetable that remembers how late checks were begun."""

    def take(self, now: float, most: int) -> list[int]:
        first = self.next()
        taken = super().take(now, most)
        # The first is the latest; the others are counted as late as that.
        LATE.extend([now - (first or now)] * len(taken))
        return taken


class Checks:
    """The part of the resident's loop that checks; what it finds is counted."""

    def __init__(self, rounds: CheckRounds) -> None:
        self.rounds, self.turns, self.count = rounds, list[Turn](), 0

    def filenos(self) -> Sequence[int]:
        return self.rounds.filenos()

    def due(self) -> float | None:
        return self.rounds.due()

    def turn(self, now: float) -> None:
        self.count += 1
        self.turns += self.rounds.turn(now)


def main() -> None:
    path, seconds = Path(sys.argv[1]), float(sys.argv[2])
    profile = read(path, "director")
    assert isinstance(profile, DirectorProfile)
    with LinuxKernel() as kernel:
        host = kernel.inspect(lambda _: packets(profile), table=False, others=False)
    asked = targets(profile, host)
    rounds = CheckRounds(asked, open_checkers(lambda _: (), asked), monotonic(), clock=monotonic)
    rounds._timetable = Late([each.health.interval for each in asked], monotonic())
    results: Counter[str] = Counter()
    rounds.states = _Counted(rounds.states, results)  # type: ignore[assignment]
    checks = Checks(rounds)
    resident = Resident([checks], lambda: False)
    # At 5,000 a second the MAC addresses of all are asked for first.
    _run(resident, SETTLED + 2 * len(asked) / 5000)
    results.clear()
    LATE.clear()
    checks.count = 0
    start, cpu = monotonic(), process_time()
    _run(resident, seconds)
    cpu, took = process_time() - cpu, monotonic() - start
    late = sorted(LATE) or [0.0]
    print(
        json.dumps(
            {
                "cpu": cpu / took,
                "memory": _peak(),
                "late": [late[len(late) * part // 100] for part in (50, 99)] + [late[-1]],
                "checks": len(asked),
                "loops": checks.count / took,
                "results": {word: count / took for word, count in results.items()},
                "turns": len(checks.turns),
            }
        )
    )


class _Counted:
    """The states, and how often which result has come."""

    def __init__(self, states: PathStates, results: Counter[str]) -> None:
        self._states, self._results = states, results

    def take(self, found: Sequence[CheckResult], since: float) -> list[Turn]:
        self._results.update(each.why or "serves" for each in found)
        return self._states.take(found, since)

    def __getattr__(self, name: str) -> object:
        return getattr(self._states, name)


def _run(resident: Resident, seconds: float) -> None:
    until = monotonic() + seconds
    while (left := until - monotonic()) > 0:
        resident.once(left)


def _peak() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
