"""A result that is written to a file, in place of what is there: whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

from lvsdr.core.durable_file import MODE, replace_file
from lvsdr.errors import CannotRun

if TYPE_CHECKING:
    from lvsdr.cli.session import Session
    from lvsdr.render.results import Result

# For a program of another user.
READABLE = 0o644


def write_result(session: Session, result: Result, file: Path, mode: int = MODE) -> None:
    """Write what would be printed; `mode` says who may read it. Raises CannotRun."""
    session.doing = "writing the result"
    lines = session.format.output().lines(result)
    try:
        replace_file(file, (f"{line}\n" for line in lines), mode)
    except OSError as error:
        reason = (error.strerror or "").lower()
        name = errno.errorcode.get(error.errno or 0, "")
        raise CannotRun(f"cannot write {file}: {reason} ({name})") from error
