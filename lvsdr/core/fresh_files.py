"""Files written where none was: all of them, on disk, or none."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from lvsdr.core.durable_file import flush_folder, write_durably
from lvsdr.errors import CannotRun, ProfileError
from lvsdr.model.printable import printable


def write_fresh(folder: Path, texts: Mapping[str, Iterable[str]]) -> list[Path]:
    """Write each text, in pieces, into a file of that name in `folder`, and return the paths.

    The folder is made where it is not there. Raises ProfileError where there is such a file, and
    CannotRun where it cannot be written; nothing is left then.
    """
    place = folder
    try:
        with ExitStack() as undo:
            _make(folder, undo)
            for name, text in texts.items():
                place = folder / name
                _write(place, text, undo)
            flush_folder(folder)
            undo.pop_all()
    except OSError as error:
        raise _refused(place, error) from error
    return [folder / name for name in texts]


def _make(folder: Path, undo: ExitStack) -> None:
    for each in (*reversed(folder.parents), folder):
        if not each.is_dir():
            each.mkdir(0o755)
            undo.callback(each.rmdir)


def _write(path: Path, text: Iterable[str], undo: ExitStack) -> None:
    hidden = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        write_durably(hidden, text)
        # Unlike a rename, it takes no other file's place.
        os.link(hidden, path)
        undo.callback(path.unlink)
    finally:
        hidden.unlink(missing_ok=True)


def _refused(path: Path, error: OSError) -> ProfileError | CannotRun:
    number = error.errno or 0
    if number == errno.EEXIST:
        return ProfileError(
            f"cannot write {printable(str(path))}: it is there already (EEXIST)",
            hints=["name another folder with --out, or look at what is there first"],
        )
    reason = os.strerror(number).lower()
    return CannotRun(
        f"cannot write {printable(str(path))}: {reason} ({errno.errorcode.get(number, number)})",
        hints=["name another folder with --out, or run lvsdr as root"],
    )
