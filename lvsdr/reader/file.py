"""From the name of a profile to its bytes."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from lvsdr.errors import ProfileError
from lvsdr.model.printable import printable

SUFFIXES = (".json", ".toml")
# A profile of fifty thousand real servers has about 6 MB.
LARGEST = 16 * 1024 * 1024


def contents(path: Path, role: str | None = None) -> bytes:
    """Return the bytes of the profile at `path`; raise ProfileError where there is none.

    `role` is that of the profile, for the hint.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise _unreadable(path, "its name ends neither in .json nor in .toml", _remedy(path, role))
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        number = error.errno or 0
        reason = REASONS.get(number, os.strerror(number).lower())
        code = errno.errorcode.get(number, "unknown")
        raise _unreadable(path, f"{reason} ({code})", *_hints(path, number, role)) from error
    if len(raw) > LARGEST:
        reason = f"larger than {LARGEST // 1024**2} MiB"
        raise _unreadable(path, reason, "split it into profiles of different names")
    return raw


REASONS: Mapping[int, str] = {
    errno.ENOENT: "no such file",
    errno.EACCES: "permission denied",
    errno.EISDIR: "it is a directory",
    errno.ENOTDIR: "a part of the path is a file",
}


def _unreadable(path: Path, reason: str, *hints: str) -> ProfileError:
    return ProfileError(f"cannot read {printable(str(path))}: {reason}", hints=hints)


def _hints(path: Path, number: int, role: str | None) -> list[str]:
    name = printable(shlex.quote(str(path)))
    if number == errno.EACCES:
        return [f"run lvsdr as root, or: chmod a+r {name}"]
    if number == errno.EISDIR:
        return ["name the profile in it"]
    return [_remedy(path, role)]


def _remedy(path: Path, role: str | None) -> str:
    """Return what to do where the name is wrong: another one that is there, or the names known."""
    for suffix in SUFFIXES:
        other = Path(str(path).removesuffix(path.suffix) + suffix)
        if os.access(other, os.R_OK):
            return f"did you mean {printable(shlex.quote(str(other)))}"
    if path.suffix.lower() in SUFFIXES:
        return f"write this profile, or name another; its fields: lvsdr schema {role or 'ROLE'}"
    return "write the profile as JSON into a .json file, or as TOML into a .toml file"
