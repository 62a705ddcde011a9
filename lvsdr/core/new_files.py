"""New files, all of them or none, and never over one that is there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from lvsdr.core.durable_file import flush_folder
from lvsdr.errors import CannotRun, ProfileError
from lvsdr.model.exported import NewFile
from lvsdr.model.printable import printable


def new_files(folder: Path, files: Sequence[NewFile]) -> list[Path]:
    """Write files below a folder, as it were /, and return their paths; on disk on return.

    Raises ProfileError where one is there already, and CannotRun where one cannot be written. Then
    none is left, nor a folder that was made for it.
    """
    paths = [folder / each.path.lstrip("/") for each in files]
    for path in paths:
        if os.path.lexists(path):
            raise _is_there(path)
    with ExitStack() as undo:
        for path, file in zip(paths, files, strict=True):
            try:
                _make_folders(path.parent, undo.callback)
                _write(path, file, undo.callback)
            except FileExistsError as error:
                raise _is_there(Path(error.filename)) from error
            except OSError as error:
                raise _refused(path, error) from error
        undo.pop_all()
    return paths


def _is_there(path: Path) -> ProfileError:
    return ProfileError(
        f"cannot write {printable(str(path))}: it is there already (EEXIST)",
        hints=["name another folder with --out, and compare the two"],
    )


def _refused(path: Path, error: OSError) -> CannotRun:
    number = error.errno or 0
    reason = f"{os.strerror(number).lower()} ({errno.errorcode.get(number, number)})"
    return CannotRun(
        f"cannot write {printable(str(path))}: {reason}",
        hints=["name another folder with --out, or run lvsdr as root"],
    )


Undo = Callable[..., object]


def _make_folders(folder: Path, undo: Undo) -> None:
    if folder.is_dir():
        return
    if os.path.lexists(folder):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    _make_folders(folder.parent, undo)
    folder.mkdir()
    undo(_gone, folder.rmdir)
    flush_folder(folder.parent)


def _write(path: Path, file: NewFile, undo: Undo) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    # Under its own name at once: what is half written is taken away again, or has no end.
    descriptor = os.open(path, flags, 0o600)
    undo(_gone, path.unlink)
    with os.fdopen(descriptor, "wb") as writing:
        writing.writelines(f"{line}\n".encode() for line in file.lines)
        os.fchmod(writing.fileno(), file.mode)
        writing.flush()
        os.fsync(writing.fileno())
    flush_folder(path.parent)


def _gone(remove: Callable[[], object]) -> None:
    with suppress(OSError):
        remove()
