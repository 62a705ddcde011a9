"""The programs that check real servers from this network namespace, and what they check."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePath

from lvsdr.formats.bounded_file import text_of
from lvsdr.formats.keepalived.checked_services import checked_services
from lvsdr.formats.keepalived.conf_in_use import DEFAULT_FILE as CONF
from lvsdr.formats.keepalived.conf_in_use import KEEPALIVED, ROOT, in_use, program_of
from lvsdr.formats.keepalived.host_lines import own_name
from lvsdr.formats.keepalived.reading import read_by
from lvsdr.formats.ldirectord.checked_by_ldirectord import services_in
from lvsdr.model.foreign_program import Checker, Owner
from lvsdr.model.printable import printable

LDIRECTORD = "ldirectord"
# Where it looks for its file, if it is given none.
DEFAULT_FILE = "/etc/ha.d/ldirectord.cf"


def checkers(root: Path = ROOT) -> Iterator[Checker]:
    """Yield each program that checks real servers here, or will from the next boot on, by its file.

    One whose file cannot be read checks nothing that anybody could name.
    """
    for used in in_use(root):
        if used.checks:
            yield from _keepalived(used.file, used.host, used.root, running=used.running)
    for owner in ldirectord(root / "proc"):
        yield from _ldirectord(owner.place, root)


def former_checkers(root: Path = ROOT) -> Iterator[Checker]:
    """Yield who would check if it ran with its default file: it may have set up what is there."""
    yield from _keepalived(Path(CONF), own_name(), root, running=False)
    yield from _ldirectord(DEFAULT_FILE, root, running=False)


def _keepalived(file: Path, host: str, root: Path, *, running: bool) -> Iterator[Checker]:
    with suppress(OSError):
        read = read_by(file, host, root)
        services = [it for conf in read.confs for it in checked_services(conf.root)]
        yield Checker(KEEPALIVED, printable(str(file)), tuple(services), running)


def _ldirectord(place: str, root: Path, *, running: bool = True) -> Iterator[Checker]:
    with suppress(OSError):
        # A name alone is one in its own folder.
        file = Path(DEFAULT_FILE).parent / place
        text = text_of(root / file.relative_to("/"))
        yield Checker(LDIRECTORD, place, tuple(services_in(text)), running)


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
