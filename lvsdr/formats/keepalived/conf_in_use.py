"""Which keepalived runs in this network namespace, and which keepalived.conf is in use.

In use is a file that a running keepalived was started with, or that one would read at boot.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from lvsdr.formats.bounded_file import text_of
from lvsdr.formats.keepalived.host_lines import own_name
from lvsdr.model.late_dataclasses import dataclass, replace

KEEPALIVED = "keepalived"
# What proc(5) says of a program that was replaced, as by an upgrade.
REPLACED = " (deleted)"
PROC, ROOT = Path("/proc"), Path("/")
MOUNTS = "ns/mnt"
DEFAULT_FILE = "/etc/keepalived/keepalived.conf"
# keepalived(8): the letters with a value, in the next word or, as it must be for some, attached.
WITH_VALUE, ATTACHED = "fiSuprcbAs", "tM"
LONG = {"--use-file": "f", "--config-id": "i"}
# Which of its parts run: all, or those that are named.
ONLY = {"--vrrp": "P", "--check": "C"}
# What is there where systemd, or an init of SysV's or OpenRC's, starts it at boot.
WANTED = "etc/systemd/system/*.wants/keepalived.service"
SCRIPTS = ("etc/rc[2-5].d/S[0-9][0-9]keepalived", "etc/runlevels/*/keepalived")
UNIT = "etc/systemd/system/keepalived.service"
# sd_booted(3): it is there where systemd is the init. A unit hides a script of its name from it.
SYSTEMD = "run/systemd/system"
UNITS = (UNIT, "usr/lib/systemd/system/keepalived.service", "lib/systemd/system/keepalived.service")
# Where distributions keep the arguments of their units and scripts, and in which variable.
ARGUMENTS = {
    "etc/default/keepalived": "DAEMON_ARGS",
    "etc/sysconfig/keepalived": "KEEPALIVED_OPTIONS",
}


@dataclass(frozen=True, slots=True)
class InUse:
    """A keepalived.conf in use: `file` as its reader calls it, below the `root` that it sees.

    `host` is the config-id that `@` lines are held against; `running` tells a keepalived that
    lives from one that would start at boot. It `checks` real servers unless its arguments say that
    other parts of it run alone.
    """

    file: Path
    root: Path
    host: str
    running: bool
    checks: bool = True


def in_use(root: Path = ROOT) -> list[InUse]:
    """Return the keepalived.conf in use on the host whose files and /proc are below `root`.

    One counts that a keepalived in our network namespace runs with (-f, or the default file), or
    would at boot: where its unit or init script is enabled, and our namespace is that of pid 1.
    Nobody looks at `-P` and `-C`, by which keepalived leaves a part of its file alone, nor at
    `net_namespace`, by which it would start in another one.
    """
    try:
        found = list(dict.fromkeys(_running(root)))
    except OSError:
        # No /proc: nothing is known to run.
        found = []
    if _starts_at_boot(root) and is_namespace_of_boot(root / "proc"):
        at_boot = _of_arguments(_boot_arguments(root), root, running=False)
        if replace(at_boot, running=True) not in found:
            found.append(at_boot)
    return found


def keepalived_processes(proc: Path = PROC) -> Iterator[Path]:
    """Yield the folder in /proc of each keepalived in our network namespace, children too."""
    yield from processes_of(KEEPALIVED, proc)


def processes_of(program: str, proc: Path) -> Iterator[Path]:
    """Yield the folder in /proc of each process of a program in our network namespace.

    Raises OSError where there is no /proc.
    """
    # Of the thread: the namespace that one has entered is its own.
    here = (proc / "thread-self/ns/net").readlink()
    for process in proc.iterdir():
        if process.name.isdecimal() and _runs(program, process, here):
            yield process


def program_of(process: Path) -> str:
    """Return what the process of a folder in /proc runs; its name may be anything.

    Raises OSError for one that has ended, is a thread of the kernel, or is not for us to look at.
    """
    return (process / "exe").readlink().name.removesuffix(REPLACED)


def _runs(program: str, process: Path, here: Path) -> bool:
    try:
        return program_of(process) == program and (process / "ns/net").readlink() == here
    except OSError:
        return False


def _running(root: Path) -> Iterator[InUse]:
    """Yield what each keepalived reads; its children have the arguments of their parent."""
    proc = root / "proc"
    told = set()
    for process in sorted(keepalived_processes(proc), key=lambda each: int(each.name)):
        try:
            words = tuple((process / "cmdline").read_bytes().split(b"\0")[1:])
            folder, top, mounts = ((process / each).readlink() for each in ("cwd", "root", MOUNTS))
            here = (proc / "thread-self" / MOUNTS).readlink()
        except OSError:
            # It has ended.
            continue
        if (words, folder, top, mounts) in told:
            continue
        told.add((words, folder, top, mounts))
        # A container on this host's network has files of its own.
        seen = root if (top, mounts) == (ROOT, here) else process / "root"
        yield _of_arguments([os.fsdecode(each) for each in words], seen, folder, running=True)


def _of_arguments(words: Sequence[str], root: Path, folder: Path = ROOT, *, running: bool) -> InUse:
    values = _values(words)
    # Measured with 2.2.7: without -i the id is the first part of the host's name.
    host = values.get("i") or own_name()
    checks = "C" in values or "P" not in values
    return InUse(folder / (values.get("f") or DEFAULT_FILE), root, host, running, checks)


def _values(words: Sequence[str]) -> dict[str, str]:
    """Return the values in keepalived's arguments by their options' letters; the last counts."""
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name in LONG:
            found[LONG[name]] = value if equals else next(rest, "")
        elif word in ONLY:
            found[ONLY[word]] = ""
        elif word.startswith("-") and not word.startswith("--"):
            for place, letter in enumerate(word[1:], start=2):
                if letter in ONLY.values():
                    found[letter] = ""
                if letter in WITH_VALUE:
                    found[letter] = word[place:] or next(rest, "")
                if letter in WITH_VALUE + ATTACHED:
                    break
    return found


def _starts_at_boot(root: Path) -> bool:
    try:
        masked = (root / UNIT).readlink() == Path(os.devnull)
    except OSError:
        # It is no link, or not there.
        masked = False
    # A script stays enabled: systemd since 260 no longer disables it together with the unit.
    hidden = (root / SYSTEMD).is_dir() and any((root / each).exists() for each in UNITS)
    enabled = (WANTED,) if hidden else (WANTED, *SCRIPTS)
    return not masked and any(any(root.glob(each)) for each in enabled)


def is_namespace_of_boot(proc: Path) -> bool:
    """Return whether our network namespace is that of pid 1, where services are started."""
    try:
        return (proc / "1/ns/net").readlink() == (proc / "thread-self/ns/net").readlink()
    except OSError:
        # Not for us to look at: it is, as a rule.
        return True


def _boot_arguments(root: Path) -> list[str]:
    words: list[str] = []
    for file, variable in ARGUMENTS.items():
        try:
            text = text_of(root / file)
        except OSError:
            continue
        for found in re.findall(rf"^\s*{variable}=(.*)$", text, re.MULTILINE):
            words = _split(" ".join(_split(found)))
    return words


def _split(text: str) -> list[str]:
    """Return the words of a shell's line; without its quotes where they do not match."""
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()
