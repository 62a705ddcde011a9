"""One at a time: a lock that the kernel frees when its holder dies, and that can name it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lvsdr.errors import LockHeld


def open_lock(path: Path) -> int:
    """Return a descriptor of the lock's file, made where it is missing; raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)


@contextmanager
def hold_lock(
    descriptor: int, timeout: float, doing: str = "lock this network namespace"
) -> Iterator[None]:
    """Hold the lock inside the block, and close `descriptor` after it.

    Waits up to `timeout` seconds, then raises LockHeld with what it was for, `doing`, and with the
    name of the holder.
    """
    try:
        _wait_for(descriptor, timeout, doing)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, timeout: float, doing: str) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockHeld(
                    f"cannot {doing}: {_holder(descriptor)} holds the lock",
                    hints=["wait for it to end, or give --lock-timeout SECONDS"],
                ) from None
            time.sleep(0.05)
        else:
            return


def _holder(descriptor: int) -> str:
    """Return who holds the lock on the open file, from /proc/locks (proc(5))."""
    inode = os.fstat(descriptor).st_ino
    for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
        words = line.split()
        if "FLOCK" in words and words[5].endswith(f":{inode}"):
            with suppress(OSError):
                command = Path(f"/proc/{words[4]}/cmdline").read_bytes().split(b"\0")
                text = b" ".join(command).decode(errors="replace").strip()
                return f"process {words[4]} ({text})"
    return "another process"
