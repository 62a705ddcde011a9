"""keepalived's processes in /proc: whether one lives here, and when it started our hook."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lvsdr.formats.keepalived.conf_in_use import KEEPALIVED, PROC, keepalived_processes, program_of


def lives(proc: Path = PROC) -> bool:
    """Return whether a process that runs the program keepalived is in our network namespace."""
    return any(keepalived_processes(proc))


def ticks_now() -> int:
    """Return the time since the kernel started, in its clock ticks."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def hook_started_at(proc: Path = PROC, pid: int | None = None) -> int:
    """Return when keepalived started the hook that this process is, or is a part of, in ticks.

    keepalived forks a hook at once, and never waits for it: that is the order of its states, and
    a shell around lvsdr that sleeps does not change it. Where no ancestor is a keepalived, it is
    when this process was started.
    """
    each = os.getpid() if pid is None else pid
    _, parent, own = _stat(proc, each)
    started = own
    while parent > 1:
        name, grandparent, parent_started = _stat(proc, parent)
        if _program_or_name(proc, parent, name) == KEEPALIVED:
            return started
        parent, started = grandparent, parent_started
    return own


def _program_or_name(proc: Path, pid: int, name: str) -> str:
    """Return what a process runs: its name is what a script around us is called, too."""
    try:
        return program_of(proc / str(pid))
    except OSError:
        return name


def _stat(proc: Path, pid: int) -> tuple[str, int, int]:
    """Return a process's name, its parent, and when it was started (proc(5))."""
    try:
        text = (proc / str(pid) / "stat").read_bytes()
    except OSError:
        # It has ended in the meantime.
        return "", 0, 0
    # The name is in brackets, and may hold some of its own.
    name = text[text.index(b"(") + 1 : text.rindex(b")")].decode("utf-8", "replace")
    words = text[text.rindex(b")") + 2 :].split()
    return name, int(words[1]), int(words[19])
