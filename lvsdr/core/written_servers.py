"""Real servers of a record that stay as they are written until somebody needs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from lvsdr.core.columns_on_disk import COLUMNS, Places
from lvsdr.core.record_columns import as_fields, whole
from lvsdr.model import compact_objects
from lvsdr.model.folded_servers import FoldedServers, Mark
from lvsdr.model.ipvs import RealServer, Service

Plain = dict[str, Any]
Entry = Plain | list[Any]  # a list where its columns are elsewhere, as in record_columns


class Columns(NamedTuple):
    """Where columns are that are not in their entries, and what explains why they cannot be read.

    In `understood` they are read once they are needed.
    """

    places: Places
    understood: Callable[[], AbstractContextManager[None]]


NOWHERE = Columns({}, nullcontext)


def folded(entry: Entry, service: Service, mark: Mark, columns: Columns) -> FoldedServers:
    """Return the real servers of an entry that has a mark; raise ValueError where it lies."""
    place = columns.places[entry[COLUMNS]] if isinstance(entry, list) else None
    if isinstance(entry, dict):
        from lvsdr.model.strange_columns import refuse_strange  # noqa: PLC0415

        refuse_strange(entry, mark.count)
    return FoldedServers(service, mark, entry, WrittenServers(entry, service, columns), place)


def folded_entry(entry: Plain, service: Service, mark: Mark) -> FoldedServers:
    """Return the real servers of an entry that has its columns."""
    return FoldedServers(service, mark, entry, WrittenServers(entry, service, NOWHERE))


class WrittenServers:
    """Makes the real servers of an entry objects, once: whoever needs them needs them again."""

    __slots__ = ("_columns", "_entry", "_made", "_part", "_service", "_whole")

    def __init__(self, entry: Entry, service: Service, columns: Columns) -> None:
        self._entry = entry
        self._service = service
        self._columns = columns
        self._made: tuple[RealServer, ...] | None = None
        self._part: tuple[str, tuple[RealServer, ...]] = "", ()
        self._whole: Plain | None = None

    def __call__(self) -> tuple[RealServer, ...]:
        if self._made is None:
            with self._columns.understood():
                self._made = compact_objects.unfolded(self.whole(), self._service)
        return self._made

    def at(self, rip: str) -> tuple[RealServer, ...]:
        if self._part[0] != rip:
            self._part = rip, self._found_at(rip)
        return self._part[1]

    def understood(self) -> None:
        from lvsdr.model.strange_columns import refuse_strange  # noqa: PLC0415

        with self._columns.understood():
            self._whole = self.whole()
            refuse_strange(self._whole, self._whole["rip"].count(" ") + 1)

    def told(self) -> Iterable[tuple[str, str]]:
        from lvsdr.model import told_columns  # noqa: PLC0415

        return told_columns.told(self.whole())

    def whole(self) -> Plain:
        if self._whole is None:
            with self._columns.understood():
                return entry_with_columns(self._entry, self._columns.places)
        return self._whole

    def _found_at(self, rip: str) -> tuple[RealServer, ...]:
        from lvsdr.model import folded_columns  # noqa: PLC0415

        with self._columns.understood():
            if self._whole is None and isinstance(self._entry, list):
                text = self._columns.places[self._entry[COLUMNS]].text()
                if rip.encode() not in text:
                    return ()
                # Whoever takes one out of it writes all of it soon.
                self._whole = _with_columns(self._entry, text)
            return folded_columns.unfolded_at(self.whole(), self._service, rip)


def entry_with_columns(entry: Entry, places: Places) -> Plain:
    """Return an entry with its columns."""
    if isinstance(entry, dict):
        return entry
    return _with_columns(entry, places[entry[COLUMNS]].text())


def _with_columns(entry: list[Any], text: bytes) -> Plain:
    return whole(as_fields(*entry), json.loads(text))
