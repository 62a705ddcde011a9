"""Which applies have failed, in a file beside the record: the record has those that have not.

It says nothing of the host, and no plan reads it. Where there is no failure there is no file, so
that an apply that goes well pays one look for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lvsdr.core import durable_file
from lvsdr.core.book import Book
from lvsdr.core.record import Record
from lvsdr.errors import InternalError, LvsdrError
from lvsdr.model.last_apply import LastApply
from lvsdr.model.late_dataclasses import asdict

FORMAT = "lvsdr/failed-applies/1"
# Profiles come and go; of those that were never applied nobody else keeps count.
MOST = 64
# A reason that names fifty thousand real servers is none that anybody reads.
LONGEST = 500


@contextmanager
def failure_written_down(owner: str, file: Path | None, book: Book) -> Iterator[None]:
    """Write down that the block, an apply of ROLE:NAME, failed; forget it where it did not.

    The lock is held. What cannot be written down is a note of the failure, and none of an apply
    that went well: the record is newer then.
    """
    try:
        yield
    except BaseException as failure:
        _write_down(owner, file, book, failure)
        raise
    forget(owner, book)


def failed_applies(book: Book) -> Mapping[str, LastApply]:
    """Return the last apply of each profile, by ROLE:NAME, where it failed; the latest last."""
    try:
        plain = json.loads(_path(book).read_bytes())
        if plain["format"] == FORMAT:
            return {owner: LastApply(**fields) for owner, fields in plain["failed"].items()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        # There is none, or nobody can read it: the next apply writes it anew.
        pass
    return {}


def last_apply(owner: str, record: Record, failed: Mapping[str, LastApply]) -> LastApply | None:
    """Return how the last apply of a profile ended; None where nothing is known of any."""
    origin, failure = record.origins.get(owner), failed.get(owner)
    if origin is None or (failure is not None and failure.at >= origin.applied):
        return failure
    return LastApply(origin.applied, file=origin.file)


def forget(owner: str, book: Book) -> None:
    """Take it that nothing of the profile has failed: it is applied, or withdrawn."""
    if not _path(book).exists():
        return
    failed = dict(failed_applies(book))
    if failed.pop(owner, None) is None:
        return
    # A failure that is told once more is no reason to undo what went well.
    _save(book, failed)


def _write_down(owner: str, file: Path | None, book: Book, failure: BaseException) -> None:
    told, code, note = str(failure), InternalError.exit_code, failure.add_note
    if isinstance(failure, LvsdrError):
        told, code, note = failure.message, failure.exit_code, failure.notes.append
    source = "" if file is None else str(file.resolve())
    failed = dict(failed_applies(book))
    failed.pop(owner, None)
    failed[owner] = LastApply(int(time.time()), code, told[:LONGEST], source)
    if error := _save(book, failed):
        note(error)


def _save(book: Book, failed: Mapping[str, LastApply]) -> str:
    """Write them into the file; return why it could not be written."""
    newest = dict(list(failed.items())[-MOST:])
    plain = {owner: asdict(each) for owner, each in newest.items()}
    try:
        if newest:
            text = json.dumps({"format": FORMAT, "failed": plain})
            durable_file.replace_file(_path(book), [text])
        else:
            durable_file.remove_file(_path(book))
    except OSError as error:
        return f"that it failed is not written down: {error}"
    return ""


def _path(book: Book) -> Path:
    return book.root / f"{book.namespace}.failed"
