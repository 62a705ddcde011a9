"""Whether a keepalived lives in this network namespace, whatever it has open."""

from __future__ import annotations

from pathlib import Path

from lvsdr.errors import CannotRun
from lvsdr.formats.keepalived.processes import PROC, keepalived_processes


def lives(proc: Path = PROC) -> bool:
    """Return whether a process that runs the program keepalived is in our network namespace."""
    return any(keepalived_processes(proc))


def deaf() -> CannotRun:
    """Return what to tell of a keepalived that lives, and of which nothing is heard."""
    return CannotRun(
        "cannot hear keepalived: it lives, and does not have the FIFO open",
        hints=["systemctl reload keepalived"],
    )


def gone(key: str) -> CannotRun:
    """Return what to tell of a keepalived that ended without a STOP, where `key` was MASTER."""
    return CannotRun(
        f"keepalived has gone without a word: this host stays the director of {key},"
        " and another may have become it",
        hints=["systemctl restart keepalived", "lvsdr director verify PROFILE"],
    )
