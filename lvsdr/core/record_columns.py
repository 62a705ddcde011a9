"""The columns of a record: what it says of real servers that are known by a mark.

They are nearly all of a large record, and mostly nobody asks for them. So they stand at its end,
one entry a line, and what comes before has the size and the fingerprint of each: it can be
understood without them, and a record is copied without reading them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from lvsdr.model.file_window import FileWindow, mark_of
from lvsdr.model.folded_servers import FoldedServers
from lvsdr.model.ipvs import RealServer

Plain = dict[str, Any]

START = ',\n"columns": [\n'
SEPARATOR = ",\n"
END = "\n]}\n"
# What stays with the claims, beside how many they are, and the size and fingerprint of the rest.
APART = ("object", "service", "said", "listed")
SERVICE = ("protocol", "vip", "port", "fwmark", "family")
# Bytes: of what is before the columns as much at once.
HEAD = 1 << 19
# Bytes that are copied at once.
COPIED = 1 << 16


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
        if _name(text) != self.name:
            raise ValueError("its columns are not those that it names")
        return text

    def has(self, text: str) -> bool:
        """Return whether `text` may be among them; surely where they have changed since."""
        try:
            return text.encode() in self.text()
        except ValueError:
            return True


def _name(text: bytes | memoryview) -> str:
    return f"{len(text)}:{mark_of(text)}"


Places = Mapping[str, Place]
"""Where columns are on disk, by their size and fingerprint."""
Run = tuple[OpenFile, int, int]
"""From where to where a part of a record is copied, in bytes."""


def head_of(descriptor: int) -> tuple[bytes | bytearray, bool]:
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
    window, most = FileWindow(descriptor, offset + len(START)), os.fstat(descriptor).st_size
    file, place = OpenFile(descriptor), offset + len(START)
    found: dict[str, Place] = {}
    names = [
        entry["columns"]
        for entries in plain["claims"].values()
        for entry in entries
        if "columns" in entry
    ]
    separator, end = SEPARATOR.encode(), END.encode()
    for number, name in enumerate(names, 1):
        size, _, said = name.partition(":")
        length = int(size)
        if length > most:
            return None
        columns = window.ahead(length)
        if mark_of(columns) != said or _name(columns) != name:
            return None
        found[name] = Place(file, place, length, name)
        window.skip(length)
        after = end if number == len(names) else separator
        if bytes(window.ahead(len(after))) != after:
            return None
        window.skip(len(after))
        place += length + len(after)
    return found if names and not window.ahead(1) else None


def whole(entry: Plain, columns: Any) -> Plain:
    """Return the entry with its columns; raise ValueError, TypeError or AttributeError."""
    bare = {name: value for name, value in entry.items() if name not in {"count", "columns"}}
    if columns.keys() & bare.keys() or columns["rip"].count(" ") + 1 != entry["count"]:
        raise ValueError("not the columns of an entry")
    return {**bare, **columns}


def joined(plain: Plain) -> Plain:
    """Return what a record says with its columns in their entries, as records had it before.

    Raises LookupError, TypeError, ValueError or AttributeError where they are not those of its
    entries.
    """
    if "columns" not in plain:
        return plain
    rest = list(reversed(plain["columns"]))
    claims = {
        owner: [whole(entry, rest.pop()) if "columns" in entry else entry for entry in entries]
        for owner, entries in apart(plain)["claims"].items()
    }
    if rest:
        raise ValueError("more columns than entries")
    return {**plain, "claims": claims}


def apart(plain: Plain) -> Plain:
    """Return what a record says, entries without their columns as such: they are written as lists.

    Raises LookupError, TypeError, ValueError or AttributeError where one is none.
    """
    claims = {
        owner: [_entry(*each) if type(each) is list else each for each in entries]
        for owner, entries in plain["claims"].items()
    }
    return {**plain, "claims": claims}


def _entry(  # noqa: PLR0913, PLR0917 - as many as a list of an entry has
    protocol: str,
    vip: str | None,
    port: int,
    fwmark: int,
    family: str,
    said: str,
    listed: str,
    count: int,
    columns: str,
) -> Plain:
    service = {
        "protocol": protocol,
        "vip": vip,
        "port": port,
        "fwmark": fwmark,
        "family": family,
    }
    known = {"said": said, "listed": listed, "count": count, "columns": columns}
    return {"object": RealServer.kind, "service": service, **known}


def _listed(entry: Plain, count: int, columns: str) -> list[Any]:
    """Return an entry without its columns as it is written: of these there are many."""
    service = [entry["service"][name] for name in SERVICE]
    return [*service, entry["said"], entry["listed"], count, columns]


class ColumnsText:
    """The columns of a record that is written: apart from their entries, in the same order."""

    def __init__(self) -> None:
        self._pieces: list[str | Place] = []

    def without(self, row: Plain) -> Plain | list[Any]:
        """Return an entry without its columns, which are kept for `text`."""
        if "said" not in row:
            return row
        columns = {name: value for name, value in row.items() if name not in APART}
        text = json.dumps(columns, separators=(",", ":"))
        self._pieces.append(text)
        return _listed(row, row["rip"].count(" ") + 1, _name(text.encode()))

    def of_folded(self, servers: FoldedServers) -> Plain | list[Any]:
        """Return the entry of real servers that are as they were read, without their columns."""
        place = servers.place
        if not isinstance(place, Place):
            return self.without(servers.entry)
        self._pieces.append(place)
        return _listed(servers.entry, servers.mark.count, place.name)

    def text(self) -> Iterator[str]:
        """Yield the columns in JSON, and the end of the record; raises OSError."""
        if not self._pieces:
            yield "}\n"
            return
        separator = START
        for piece in self._runs():
            yield separator
            if isinstance(piece, str):
                yield piece
            else:
                yield from _copied(*piece)
            separator = SEPARATOR
        yield END

    def _runs(self) -> Iterator[str | Run]:
        """Yield texts, and where there are some on disk that follow one another, in one."""
        run: Run | None = None
        for piece in self._pieces:
            if isinstance(piece, str):
                if run is not None:
                    yield run
                run = None
                yield piece
                continue
            follows = run is not None and run[::2] == (piece.file, piece.offset - len(SEPARATOR))
            if run is not None and not follows:
                yield run
            first = run[1] if run is not None and follows else piece.offset
            run = piece.file, first, piece.offset + piece.size
        if run is not None:
            yield run


def _copied(file: OpenFile, first: int, last: int) -> Iterator[str]:
    while first < last:
        text = os.pread(file.descriptor, min(COPIED, last - first), first)
        if not text:
            raise OSError(5, "the record before has become shorter")
        yield text.decode("ascii")
        first += len(text)
