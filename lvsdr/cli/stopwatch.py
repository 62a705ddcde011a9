"""Where the time of a command goes: the same split for users and benchmarks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from typing import Protocol

    from lvsdr.cli.session import Session
    from lvsdr.core.kernel_interface import Kernel

    class Watch(Protocol):
        """What is told in which phase a command is."""

        def turn(self, phase: str) -> str: ...

        def running(self, phase: str) -> AbstractContextManager[None]: ...


PHASES = ("start", "read", "observe", "plan", "execute", "check", "rest")
WRITES = frozenset({"execute", "attempt"})


class Stopwatch:
    """Seconds by phase; at any moment one phase is running."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.seconds["start"] = _since_start()
        self.phase = "read"
        self._since = time.perf_counter()

    def turn(self, phase: str) -> str:
        """Let `phase` run from now on; return the one that ran until now."""
        now = time.perf_counter()
        self.seconds[self.phase] += now - self._since
        self._since, ended, self.phase = now, self.phase, phase
        return ended

    @contextmanager
    def running(self, phase: str) -> Iterator[None]:
        """Let `phase` run in the block."""
        before = self.turn(phase)
        try:
            yield
        finally:
            self.turn(before)

    def line(self) -> str:
        """Return the split, as it is printed."""
        self.turn("rest")
        said = [f"{phase} {seconds:.3f}" for phase, seconds in self.seconds.items()]
        return f"timings: {' '.join(said)} total {sum(self.seconds.values()):.3f}"


def start(session: Session) -> None:
    """Let the time of this run be told at its end; raises CannotRun."""
    from lvsdr.kernel.process_needs import require_proc

    require_proc()
    session.stopwatch = Stopwatch()


@contextmanager
def timed(kernel: AbstractContextManager[Kernel], watch: Watch) -> Iterator[Kernel]:
    """Give the kernel; `watch` is told of its verbs."""
    with kernel as opened:
        watch.turn("plan")
        try:
            yield cast("Kernel", _TimedKernel(opened, watch))
        finally:
            watch.turn("rest")


class _TimedKernel:
    """A kernel whose verbs are timed: before the first change it observes, after it, it checks."""

    def __init__(self, kernel: Kernel, watch: Watch) -> None:
        self._kernel = kernel
        self._watch = watch
        self._reads = "observe"

    def __getattr__(self, verb: str) -> Any:
        work = getattr(self._kernel, verb)

        def timed(*words: Any, **named: Any) -> Any:
            with self._watch.running("execute" if verb in WRITES else self._reads):
                done = work(*words, **named)
            if verb in WRITES:
                # What is not the kernel's from now on is the record, the wire and the output.
                self._reads = "check"
                self._watch.turn("rest")
            return done

        return timed


def _since_start() -> float:
    """Return for how many seconds this process has been running (proc(5)); ticks are 10 ms."""
    words = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    started = int(words[19]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)
