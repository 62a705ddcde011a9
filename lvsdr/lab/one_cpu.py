"""Keep a guest on one CPU: its kernel and its processes never run at the same time.

They take turns for each system call and page fault of the guest, tens of thousands of times a
second, and to wake the other one on another CPU costs more than most of them do.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# A word of the command line of each guest, whoever has started it.
GUEST = b"\0umid=uml\0"
# Where the CPU stands among the fields of proc_pid_stat(5) that follow the name.
PROCESSOR = 36


def stay_on_one_cpu() -> None:
    """Bind this process, and its children, to the CPU on which the fewest guests are bound.

    Of several it is that on which the scheduler has started it.
    """
    # A sandbox may forbid it, and then the guest is only slower.
    with suppress(OSError):
        os.sched_setaffinity(0, {emptiest(os.sched_getaffinity(0))})


def emptiest(allowed: set[int]) -> int:
    """Return which of the CPUs has the fewest guests."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    own, guests = int(fields.rpartition(")")[2].split()[PROCESSOR]), Counter(taken())
    return min(sorted(allowed), key=lambda cpu: (guests[cpu], cpu != own))


def taken() -> Iterator[int]:
    """Yield the CPU of each guest that is bound to one."""
    for process in Path("/proc").iterdir():
        # It may have ended since, or be another one's.
        with suppress(OSError):
            if process.name.isdecimal() and GUEST in (process / "cmdline").read_bytes():
                pid = int(process.name)
                bound = os.sched_getaffinity(pid)
                # The guest's own processes are in its session.
                if len(bound) == 1 and os.getsid(pid) == pid:
                    yield from bound
