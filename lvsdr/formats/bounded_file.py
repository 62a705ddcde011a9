"""The one way in which a file of another tool is read: whole, at most so large, without waiting."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from lvsdr.errors import ProfileError
from lvsdr.model.printable import printable

# Of 60,000 lines, as of five thousand virtual servers, there are about 3 MB.
LARGEST = 16 << 20


def bytes_of(path: Path, largest: int = LARGEST) -> bytes:
    """Return what is in a file; raise OSError for what is none, or larger.

    `-` is standard input, which may be a pipe.
    """
    if str(path) == "-":
        return _at_most(0, largest)
    # Not to wait for a pipe that somebody has put there.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no file")
        return _at_most(descriptor, largest)
    finally:
        os.close(descriptor)


def text_of(path: Path, largest: int = LARGEST) -> str:
    """Return what a file says, bytes that are no UTF-8 replaced; raises OSError as `bytes_of`."""
    return bytes_of(path, largest).decode("utf-8", "replace")


def _at_most(descriptor: int, largest: int) -> bytes:
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise OSError(0, f"it has more than {largest} bytes")
    return data


def read_source(path: Path, hint: str) -> tuple[str, str]:
    """Return what people call a file, and its text; raise ProfileError where it cannot be read."""
    file = "standard input" if str(path) == "-" else printable(str(path))
    try:
        return file, text_of(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ProfileError(f"cannot read {file}: {reason}", hints=[hint]) from error
