"""The columns of a record: what it says of real servers that are known by a mark.

They are nearly all of a large record, and mostly nobody asks for them. So they stand at its end,
one entry a line, and what comes before has the size and the fingerprint of each: it can be
understood without them, and a record is copied without reading them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from lvsdr.core.columns_on_disk import (
    END,
    SEPARATOR,
    START,
    OpenFile,
    Place,
    Run,
    joined_runs,
    named,
    runs_of,
)
from lvsdr.model.folded_servers import FoldedServers, Mark
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.plain_data import SERVICE_FIELDS, service_of

Plain = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":")).encode
# What stays with the claims, beside how many they are, and the size and fingerprint of the rest.
APART = ("object", "service", "said", "listed")
# Bytes that are copied at once.
COPIED = 1 << 16
# The end of a record without columns.
ALONE = "}\n"


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
        owner: [as_fields(*each) if type(each) is list else each for each in entries]
        for owner, entries in plain["claims"].items()
    }
    return {**plain, "claims": claims}


def marked_entry(entry: list[Any]) -> tuple[Service, Mark]:
    """Return the service of an entry without its columns as it is written, and its mark.

    Raises TypeError or ValueError where it is none.
    """
    *service, said, listed, count, _ = entry
    if {type(said), type(listed)} != {str} or type(count) is not int:
        raise TypeError("not a mark")
    return service_of(*service), Mark(said, listed, count)


def as_fields(  # noqa: PLR0913, PLR0917 - as many as a list of an entry has
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
    """Return an entry that is written as a list by its names."""
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
    service = [entry["service"][name] for name in SERVICE_FIELDS]
    return [*service, entry["said"], entry["listed"], count, columns]


class ColumnsText:
    """The columns of a record that is written: apart from their entries, in the same order."""

    def __init__(self) -> None:
        self._pieces: list[str | Run] = []

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._pieces)

    def without(self, row: Plain) -> Plain | list[Any]:
        """Return an entry without its columns, which are kept for `text`."""
        if "said" not in row:
            return row
        columns = {name: value for name, value in row.items() if name not in APART}
        text = _encode(columns)
        self._pieces.append(text)
        return _listed(row, row["rip"].count(" ") + 1, named(text.encode()))

    def of_folded(self, servers: FoldedServers) -> Plain | list[Any]:
        """Return the entry of real servers that are as they were read, without their columns."""
        if isinstance(servers.entry, dict):
            return self.without(servers.entry)
        assert isinstance(servers.place, Place), "a list has its columns elsewhere"
        self.elsewhere(runs_of([servers.place]))
        return servers.entry

    def elsewhere(self, runs: Iterable[Run]) -> None:
        """Keep columns for `text` that are on disk, of entries that are written already."""
        self._pieces += runs

    def text(self) -> Iterator[str]:
        """Yield the columns in JSON, and the end of the record; raises OSError."""
        if not self._pieces:
            yield ALONE
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
        for on_disk, pieces in groupby(self._pieces, lambda piece: type(piece) is not str):
            if on_disk:
                yield from joined_runs(piece for piece in pieces if not isinstance(piece, str))
            else:
                yield from pieces


def _copied(file: OpenFile, first: int, last: int) -> Iterator[str]:
    while first < last:
        text = os.pread(file.descriptor, min(COPIED, last - first), first)
        if not text:
            raise OSError(5, "the record before has become shorter")
        yield text.decode("ascii")
        first += len(text)
