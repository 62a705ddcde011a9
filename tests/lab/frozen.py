"""The last import of a process that forks: what its forks have to copy, they copy at once.

And no collector looks at what there is then: each object that it marks is one more such page.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from pathlib import Path

import fork_memory

import lvsdr
from lvsdr.cli.main import main

PROFILE = Path(lvsdr.__path__[0]).parent / "profiles" / "realserver.json"


def _usual() -> None:
    """Do what most runs of the program do: read a profile, and the host."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sys.argv = ["lvsdr", "realserver", "plan", str(PROFILE)]
    with suppress(SystemExit):
        main()


fork_memory.give_along()
gc.collect()
gc.freeze()
PIECES = fork_memory.pieces_of(fork_memory.written_by(_usual))


def copy_usual() -> None:
    """Copy, in a fork, the pages that most runs of the program write to."""
    fork_memory.copy(PIECES)
