"""Programs of the user's that are run beside the resident: a few at a time, none for too long."""

from __future__ import annotations

import errno
import os
import signal
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shlex import join

from lvsdr.errors import CannotRun
from lvsdr.formats.keepalived.script_security import script_fault
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.late_dataclasses import dataclass

# What a program finds in its environment, whatever ours is.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended: the `token` it was started with, and how it ended.

    `code` is its exit code, None where a signal ended it; `late` where that was ours, for it took
    too long. One that was never started has `refused`, in words.
    """

    token: object
    code: int | None
    late: bool = False
    refused: str = ""


@dataclass(slots=True, eq=False)
class _Child:
    token: object
    process: int
    descriptor: int
    deadline: float
    late: bool = False


class ChildProcesses(Closing):
    """Runs programs without a shell, at most `at_once` at the same time; the others wait.

    Each is in a process group of its own, which is killed when its time is over. It reads nothing,
    and what it says goes nowhere.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            # Whoever has started us ignored it, and so do we: then nobody can be waited for.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._running: dict[int, _Child] = {}
        self._waiting: deque[tuple[object, Sequence[str], float]] = deque()

    def start(self, token: object, words: Sequence[str], seconds: float, now: float) -> None:
        """Run `words` for at most `seconds` from when it is started; raises CannotRun."""
        if len(self._running) >= self._at_once:
            self._waiting.append((token, words, seconds))
            return
        self._spawn(token, words, now + seconds)

    @property
    def waiting(self) -> int:
        """Return how many wait for others to end."""
        return len(self._waiting)

    def filenos(self) -> Sequence[int]:
        """Return what can be read once a program has ended."""
        return tuple(self._running)

    def due(self) -> float | None:
        """Return when the time of the first is over."""
        return min((each.deadline for each in self._running.values()), default=None)

    def ended(self, now: float) -> list[Ended]:
        """Return who has ended since the last time, after killing whose time is over."""
        found: list[Ended] = []
        for child in list(self._running.values()):
            if now >= child.deadline and not child.late:
                child.late = True
                _kill(child.process)
            if (seen := _result(child)) is not None:
                found.append(seen)
                os.close(child.descriptor)
                del self._running[child.descriptor]
        while self._waiting and len(self._running) < self._at_once:
            token, words, seconds = self._waiting.popleft()
            try:
                self._spawn(token, words, now + seconds)
            except CannotRun as refused:
                found.append(Ended(token, None, refused=refused.message))
        return found

    def close(self) -> None:
        """Kill what still runs, and forget what waits."""
        self._waiting.clear()
        for child in self._running.values():
            _kill(child.process)
            with suppress(ChildProcessError):
                os.waitpid(child.process, 0)
            os.close(child.descriptor)
        self._running.clear()

    def _spawn(self, token: object, words: Sequence[str], deadline: float) -> None:
        try:
            process = os.posix_spawn(
                words[0],
                tuple(words),
                ENVIRONMENT,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
                setpgroup=0,
                # What we ignore, or hold back, is none of its business.
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGHUP, signal.SIGINT, signal.SIGTERM),
            )
        except OSError as error:
            raise cannot_start(words, error) from error
        try:
            descriptor = os.pidfd_open(process)
        except OSError as error:
            # No more descriptors, and one that nobody hears of must not be left behind.
            _kill(process)
            os.waitpid(process, 0)
            raise cannot_start(words, error) from error
        self._running[descriptor] = _Child(token, process, descriptor, deadline)


def refuse_unsafe(words: Sequence[str], what: str) -> None:
    """Raise CannotRun where others than root may change the program, as keepalived judges it."""
    fault = script_fault(Path(words[0]))
    if fault is None:
        return
    hints = [fault.hint] if fault.hint else []
    raise CannotRun(
        f"cannot run {what} {words[0]}: {fault.reason}",
        notes=[f"look: {fault.look}"] if fault.look else [],
        hints=hints,
    )


def cannot_start(words: Sequence[str], error: OSError) -> CannotRun:
    """Return what to say of a program that the kernel does not start."""
    code = errno.errorcode.get(error.errno or 0, str(error.errno))
    return CannotRun(f"cannot run {join(words)}: {(error.strerror or '').lower()} ({code})")


def _kill(process: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


def _result(child: _Child) -> Ended | None:
    """Return how a child has ended, None while it runs."""
    ends = os.WEXITED | os.WNOHANG
    seen = os.waitid(os.P_PIDFD, child.descriptor, ends | os.WNOWAIT)
    if seen is None:
        return None
    # What it has started goes with it; as long as it is a zombie, its number is nobody else's.
    _kill(child.process)
    os.waitid(os.P_PIDFD, child.descriptor, ends)
    code = seen.si_status if seen.si_code == os.CLD_EXITED else None
    return Ended(child.token, code, child.late)
