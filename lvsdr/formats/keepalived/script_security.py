"""The files that keepalived is to run, judged as its script security does."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import NamedTuple


class Fault(NamedTuple):
    """Why a script is not run, and how to mend it; it `runs` where script security is off.

    `hint` is a command, `look` words, as a Finding has them.
    """

    reason: str
    runs: bool
    hint: str = ""
    look: str = ""


def script_fault(path: Path) -> Fault | None:
    """Return why script security disables the script at `path`, and how to mend it.

    As keepalived does (lib/notify.c, check_security): every part of the path has to be root's, and
    none may others write; a folder may where it is sticky.
    """
    quoted = shlex.quote(str(path))
    try:
        whole = path.resolve(strict=True)
        mode = whole.stat().st_mode
    except (OSError, RuntimeError, ValueError):
        return Fault("no such file", runs=False, look=f"ls -l {quoted}")
    if not stat.S_ISREG(mode) or not mode & 0o111:
        mend = f"chmod +x {shlex.quote(str(whole))}"
        return Fault("it cannot be executed", runs=False, hint=mend)
    return next(filter(None, map(_open, (*reversed(whole.parents), whole))), None)


def fault_as_written(path: Path) -> Fault | None:
    """Return why keepalived 2.3 and later, which look at the path as written too, do not run it.

    As lib/notify.c has it: a folder in it that is a link is none, whatever script security says;
    the last part may be one, which has to be root's. `..` is taken away before anybody looks.
    """
    clean = Path(os.path.normpath(path))
    for part in (*reversed(clean.parents), clean):
        try:
            seen = part.lstat()
        except OSError:
            # `..` behind a link leads elsewhere than its words say.
            return Fault(f"there is no {part}", runs=False, look=f"write {path.resolve()}")
        if part != clean and stat.S_ISLNK(seen.st_mode):
            right = path.parent.resolve() / path.name
            return Fault(f"the folder {part} in it is a link", runs=False, look=f"write {right}")
        if stat.S_ISLNK(seen.st_mode):
            if seen.st_uid == 0:
                continue
            look = f"a link of root's: ln -sf {shlex.quote(str(path.resolve()))} PATH"
            return Fault(f"the link {part} is not root's", runs=True, look=look)
        if (fault := _open(part)) is not None:
            return fault
    return None


def _open(part: Path) -> Fault | None:
    """Return why somebody other than root may change a part of the path."""
    seen = part.stat()
    quoted = shlex.quote(str(part))
    if seen.st_uid != 0 and stat.S_ISDIR(seen.st_mode):
        # It has an owner who works there.
        look = "keep the script where only root may write, as in /usr/local/sbin"
        return Fault(f"{part} is not root's", runs=True, look=look)
    if seen.st_uid != 0:
        return Fault(f"{part} is not root's", runs=True, hint=f"chown root {quoted}")
    open_to_all = seen.st_mode & stat.S_IWOTH or (seen.st_gid and seen.st_mode & stat.S_IWGRP)
    sticky = stat.S_ISDIR(seen.st_mode) and seen.st_mode & stat.S_ISVTX
    if open_to_all and not sticky:
        return Fault(f"others may write {part}", runs=True, hint=f"chmod go-w {quoted}")
    return None
