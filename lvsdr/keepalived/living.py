"""Whether a keepalived lives in this network namespace, whatever it has open."""

from __future__ import annotations

from pathlib import Path

from lvsdr.errors import CannotRun

KEEPALIVED = "keepalived"
# What proc(5) says of a program that was replaced, as by an upgrade.
REPLACED = " (deleted)"
PROC = Path("/proc")


def lives(proc: Path = PROC) -> bool:
    """Return whether a process that runs the program keepalived is in our network namespace."""
    # Of the thread: the namespace that one has entered is its own.
    here = (proc / "thread-self/ns/net").readlink()
    return any(_is_one(each, here) for each in proc.iterdir() if each.name.isdecimal())


def program(process: Path) -> str:
    """Return what the process of a folder in /proc runs; its name may be anything.

    Raises OSError for one that has ended, is a thread of the kernel, or is not for us to look at.
    """
    return (process / "exe").readlink().name.removesuffix(REPLACED)


def _is_one(process: Path, here: Path) -> bool:
    try:
        return program(process) == KEEPALIVED and (process / "ns/net").readlink() == here
    except OSError:
        return False


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
