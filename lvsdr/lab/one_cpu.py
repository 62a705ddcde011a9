"""Keep a guest on one CPU: its kernel and its processes never run at the same time.

They take turns for each system call and page fault of the guest, tens of thousands of times a
second, and to wake the other one on another CPU costs more than most of them do.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# Where the CPU stands among the fields of proc_pid_stat(5) that follow the name.
PROCESSOR = 36


def stay_on_one_cpu() -> None:
    """Bind this process, and its children, to the CPU on which the scheduler has started it."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    # A sandbox may forbid it, and then the guest is only slower.
    with suppress(OSError):
        os.sched_setaffinity(0, {int(fields.rpartition(")")[2].split()[PROCESSOR])})
