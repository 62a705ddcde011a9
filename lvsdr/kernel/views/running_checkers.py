"""The programs that check real servers from this network namespace, but for keepalived."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from lvsdr.formats.keepalived.conf_in_use import program_of
from lvsdr.model.foreign_program import Owner
from lvsdr.model.printable import printable

LDIRECTORD = "ldirectord"
# Where it looks for its file, if it is given none.
DEFAULT_FILE = "/etc/ha.d/ldirectord.cf"


def ldirectord(proc: Path) -> Iterator[Owner]:
    """Yield each ldirectord that runs in our network namespace; its file is its place."""
    try:
        here = (proc / "thread-self/ns/net").readlink()
        processes = [each for each in proc.iterdir() if each.name.isdecimal()]
    except OSError:
        return
    files = dict.fromkeys(file for each in processes if (file := _file_of(each, here)))
    yield from (Owner(LDIRECTORD, printable(file)) for file in files)


def _file_of(process: Path, here: Path) -> str:
    """Return the file of the ldirectord that a process runs; empty for any other process."""
    try:
        # It is a script.
        if not program_of(process).startswith("perl") or (process / "ns/net").readlink() != here:
            return ""
        words = [os.fsdecode(word) for word in (process / "cmdline").read_bytes().split(b"\0")]
    except OSError:
        # It has ended, or is not for us to look at.
        return ""
    names = [PurePath(word).name for word in words]
    if LDIRECTORD not in names:
        return ""
    rest = words[names.index(LDIRECTORD) + 1 :]
    given = (word for word in rest if word.endswith(".cf") or "/" in word)
    return next(given, DEFAULT_FILE)
