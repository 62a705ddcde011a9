"""Where the columns of a record are on disk, and whether they are as the record says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

Plain = dict[str, Any]

START = ',\n"columns": [\n'
SEPARATOR = ",\n"
END = "\n]}\n"
# Where the size and the fingerprint of its columns are in an entry that has them here.
COLUMNS = 8
# Bytes: of what is before the columns as much at once.
HEAD = 1 << 16
# Bytes: a text that is no longer is remembered as it is.
_SHORT = 1 << 16


class OpenFile:
    """A record that may have been replaced since: as long as somebody needs its columns."""

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        self.descriptor = os.dup(descriptor)

    def __del__(self) -> None:
        with suppress(OSError):
            os.close(self.descriptor)


class Place:
    """Where the columns of an entry are on disk; `name` is their size and fingerprint."""

    __slots__ = ("file", "name", "offset", "size")

    def __init__(self, file: OpenFile, offset: int, size: int, name: str) -> None:
        self.file = file
        self.offset = offset
        self.size = size
        self.name = name

    def text(self) -> bytes:
        """Return the columns in JSON; raise ValueError where they have changed since."""
        text = os.pread(self.file.descriptor, self.size, self.offset)
        if named(text) != self.name:
            raise ValueError("its columns are not those that it names")
        return text


Run = tuple[OpenFile, int, int]
"""From where to where a part of a record is copied, in bytes: columns that follow one another."""


def runs_of(places: Iterable[Place]) -> Iterator[Run]:
    """Yield where the columns at `places` are, in their order."""
    return joined_runs((each.file, each.offset, each.offset + each.size) for each in places)


def joined_runs(runs: Iterable[Run]) -> Iterator[Run]:
    """Yield `runs` in their order, those that follow one another in one."""
    whole: Run | None = None
    for run in runs:
        if whole is not None and (whole[0], whole[2] + len(SEPARATOR)) == run[:2]:
            whole = whole[0], whole[1], run[2]
            continue
        if whole is not None:
            yield whole
        whole = run
    if whole is not None:
        yield whole


def named(text: bytes | memoryview) -> str:
    """Return the size and the fingerprint of columns."""
    # A plan of a few real servers does without what computes it.
    from lvsdr.model.file_window import mark_of  # noqa: PLC0415

    return f"{len(text)}:{mark_of(text)}"


Places = Mapping[str, Place]
"""Where columns are on disk, by their size and fingerprint."""


def head_of(descriptor: int) -> tuple[bytearray, bool]:
    """Return what a record says before its columns, and whether it has any; all where it has none.

    Raises OSError.
    """
    start, text, sought = START.encode(), bytearray(), 0
    while more := _read(descriptor, HEAD, len(text)):
        text += more
        place = text.find(start, sought)
        if place >= 0:
            del text[place:]
            return text, True
        # It may stand across two.
        sought = max(0, len(text) - len(start))
    return text, False


def decoded_head(head: bytearray) -> Plain:
    """Return what is said before the columns; raise ValueError or RecursionError."""
    # Closed where it is: each page of another copy is one that the kernel has to find.
    head += b"}"
    try:
        found: Plain = json.loads(head)
    finally:
        del head[-1:]
    return found


def _read(descriptor: int, size: int, offset: int) -> bytes:
    try:
        return os.pread(descriptor, size, offset)
    except OSError:
        if offset:
            raise
        # A pipe in the place of the record: there is nothing in it, and nothing is waited for.
        return os.read(descriptor, size)


def places_of(plain: Plain, offset: int, descriptor: int) -> Places | None:
    """Return where the columns are of all entries that have some; None where they are not so.

    `offset` is where what is before them ends, in bytes. Raises LookupError, TypeError, ValueError
    or AttributeError where an entry is none, and OSError.
    """
    from lvsdr.model.file_window import FileWindow  # noqa: PLC0415

    window, most = FileWindow(descriptor, offset + len(START)), os.fstat(descriptor).st_size
    file, place = OpenFile(descriptor), offset + len(START)
    found: dict[str, Place] = {}
    entries = (entry for some in plain["claims"].values() for entry in some)
    names = [entry[COLUMNS] for entry in entries if type(entry) is list]
    separator, end = SEPARATOR.encode(), END.encode()
    for number, name in enumerate(names, 1):
        size, _, _ = name.partition(":")
        length = int(size)
        if length > most:
            return None
        if named(window.ahead(length)) != name:
            return None
        found[name] = Place(file, place, length, name)
        window.skip(length)
        after = end if number == len(names) else separator
        if bytes(window.ahead(len(after))) != after:
            return None
        window.skip(len(after))
        place += length + len(after)
    return found if names and not window.ahead(1) else None


def known_by(text: bytes | bytearray) -> bytes:
    """Return by what a text is known again: a longer one by its fingerprint.

    A keeper would have it in memory for ever.
    """
    mark = TextMark()
    mark.add(text)
    return mark.mark()


class TextMark:
    """Finds out by what a text is known again that comes in pieces."""

    __slots__ = ("_digest", "_start")

    def __init__(self) -> None:
        self._start = bytearray()
        self._digest: Any = None

    def add(self, piece: bytes | bytearray) -> None:
        """Take the next piece."""
        if self._digest is None and len(self._start) + len(piece) <= _SHORT:
            self._start += piece
            return
        if self._digest is None:
            # Not on a small host, whose plan would wait for it.
            from lvsdr.model.blake2 import blake2b  # noqa: PLC0415

            self._digest = blake2b(self._start, digest_size=32)
        self._digest.update(piece)

    def mark(self) -> bytes:
        """Return by what all that has come is known."""
        if self._digest is None:
            return bytes(self._start)
        return bytes(self._digest.digest())
