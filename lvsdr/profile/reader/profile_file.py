"""From the name of a profile to its bytes."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from lvsdr.errors import ProfileError
from lvsdr.model.printable import printable

SUFFIXES = (".json", ".toml")
# A profile of fifty thousand real servers has about 6 MB.
LARGEST = 16 * 1024 * 1024


def contents(path: Path, role: str | None = None, guarded: bool = False) -> bytes:
    """Return the bytes of the profile at `path`; raise ProfileError where there is none.

    `role` is that of the profile, for the hint. With `guarded`, a profile that others may write
    is refused.
    """
    with opened(path, role, guarded) as file:
        return contents_of(file, path, role)


def opened(path: Path, role: str | None = None, guarded: bool = False) -> BinaryIO:
    """Return the open file of the profile at `path`; raise ProfileError as `contents` does."""
    if path.suffix.lower() not in SUFFIXES:
        raise _unreadable(path, "its name ends neither in .json nor in .toml", _remedy(path, role))
    with _explained(path, role), ExitStack() as stack:
        # Not to wait for the writer of a pipe; a file does not care.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        file = stack.enter_context(os.fdopen(descriptor, "rb"))
        _require_file(path, os.fstat(descriptor))
        if guarded:
            _require_private(path, os.fstat(descriptor), path.resolve().parent)
        stack.pop_all()
        return file


def contents_of(file: BinaryIO, path: Path, role: str | None = None) -> bytes:
    """Return the bytes of an open file from its beginning; raise ProfileError."""
    with _explained(path, role):
        file.seek(0)
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        reason = f"larger than {LARGEST // 1024**2} MiB"
        raise _unreadable(path, reason, "split it into profiles of different names")
    return raw


@contextmanager
def _explained(path: Path, role: str | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        reason = REASONS.get(number, os.strerror(number).lower())
        code = errno.errorcode.get(number, "unknown")
        raise _unreadable(path, f"{reason} ({code})", *_hints(path, number, role)) from error


def _require_file(path: Path, seen: os.stat_result) -> None:
    if stat.S_ISDIR(seen.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(seen.st_mode):
        raise _unreadable(path, "it is not a file", "name a regular file")


def _require_private(path: Path, seen: os.stat_result, folder: Path) -> None:
    """Raise ProfileError where others than its owner decide what is in the profile."""
    if seen.st_mode & OTHERS_WRITE:
        raise _insecure(path, "others may write it", path)
    around = folder.stat().st_mode
    # In a sticky folder such as /tmp others cannot replace the file.
    if around & OTHERS_WRITE and not around & stat.S_ISVTX:
        raise _insecure(path, f"others may replace it: they may write {folder}", folder)


def changed_meanwhile(path: Path) -> ProfileError:
    """Return what a person is told whose profile is no more what has been read of it."""
    return _unreadable(path, "it was changed meanwhile", "run the same command again")


def _insecure(path: Path, reason: str, cure: Path) -> ProfileError:
    return ProfileError(
        f"cannot trust {printable(str(path))}: {printable(reason)}",
        hints=[f"chmod go-w {printable(shlex.quote(str(cure)))}", "or --allow-insecure-profile"],
    )


OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

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
