"""The one way to write a file: whole on disk or as it was, whatever happens in between.

For files that lie in a folder of lvsdr's own. Whoever calls holds the lock of the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

MODE = 0o640
# How many bytes of a half-written file's name are chosen so that no two are alike.
RANDOM = 8


def replace_file(path: Path, text: Iterable[str], mode: int = MODE) -> None:
    """Write `text`, given in pieces, in the place of the file; raises OSError, and changes nothing.

    `mode` says who may read it. On disk when this returns: it survives a power cut, and so does the
    old file one before that.
    """
    remove_half_written(path)
    fresh = path.with_name(f".{path.name}.{os.urandom(RANDOM).hex()}")
    try:
        write_durably(fresh, text, mode)
        fresh.rename(path)
    finally:
        with suppress(FileNotFoundError):
            fresh.unlink()
    flush_folder(path.parent)


def remove_file(path: Path) -> None:
    """Remove the file, if it is there, so that a power cut does not bring it back."""
    remove_half_written(path)
    path.unlink(missing_ok=True)
    flush_folder(path.parent)


def remove_half_written(path: Path) -> None:
    """Remove what runs that were killed have left beside the file, and nothing that others have."""
    start, length = f".{path.name}.", 2 * RANDOM
    # No pattern: a name may have what would be one.
    for name in [each.name for each in path.parent.iterdir()]:
        rest = name.removeprefix(start)
        if rest != name and len(rest) == length and not rest.strip("0123456789abcdef"):
            path.with_name(name).unlink(missing_ok=True)


def write_durably(path: Path, text: Iterable[str], mode: int = MODE) -> None:
    """Write `text` into a file that is not there yet, and onto the disk; raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        for piece in text:
            file.write(piece.encode())
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Bring onto the disk which files a folder has; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
