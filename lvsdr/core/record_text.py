"""A record as JSON, in pieces: a large one need not be in memory twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice
from operator import attrgetter, is_, not_
from typing import Any, NamedTuple, TypeVar

from lvsdr.core.columns_on_disk import Place, Run, TextMark, runs_of
from lvsdr.core.record import Record
from lvsdr.core.record_columns import ALONE, ColumnsText
from lvsdr.model import compact_objects
from lvsdr.model.compact_objects import Marks
from lvsdr.model.folded_servers import FoldedServers, ProfileText
from lvsdr.model.health import Down
from lvsdr.model.ipvs import REAL_SERVERS
from lvsdr.model.late_dataclasses import asdict
from lvsdr.model.objects import Address, Key, Object, Route
from lvsdr.model.plain_data import to_plain

ENTRIES_TO_A_LINE = 256

Item = TypeVar("Item")


def text_of(record: Record, start: Mapping[str, str], mark: TextMark | None) -> Iterator[str]:
    """Yield a record as JSON; it begins with `start`. `mark` gets what stands before the columns.

    Raises OSError.
    """
    columns = ColumnsText()
    for piece in _head_text(record, start, columns):
        if mark is not None:
            mark.add(piece.encode())
        yield piece
    if mark is not None and not columns:
        mark.add(ALONE.encode())
    yield from columns.text()


def _head_text(record: Record, start: Mapping[str, str], columns: ColumnsText) -> Iterator[str]:
    yield json.dumps(start)[:-1]
    yield ',\n"baseline": '
    found = ((key, before) for key, before in record.baseline.items() if before is not None)
    yield from _listed(_encode(_entry_of(key, before)) for key, before in found)
    # Most of what is claimed was not there before: that is said by their number alone.
    folded = sum(sum(map(_count_of, some.values())) for some in record.folded.values())
    absent = sum(map(not_, record.baseline.values()))
    absent += sum(int(key[-1]) - 1 for key in record.baseline if key[0] == REAL_SERVERS)
    yield f',\n"absent": {absent + folded}'
    yield ',\n"claims": '
    yield from _claims_text(record, columns)
    yield ',\n"intents": '
    yield from _intents_text(record)
    if record.links:
        yield f',\n"links": {json.dumps(dict(record.links))}'
    if record.origins:
        origins = {owner: asdict(origin) for owner, origin in record.origins.items()}
        yield f',\n"origins": {json.dumps(origins)}'
    if record.texts:
        texts = {owner: _text_entry(text) for owner, text in record.texts.items()}
        yield f',\n"texts": {json.dumps(texts)}'
    if record.down:
        down = {owner: _down_rows(each) for owner, each in record.down.items()}
        yield f',\n"down": {json.dumps(down)}'
    for name, owned in (("drained", record.drained), ("given_back", record.given_back)):
        if owned:
            rows = {owner: sorted(map(list, keys), key=str) for owner, keys in owned.items()}
            yield f',\n"{name}": {json.dumps(rows)}'


class _Run(NamedTuple):
    """Some of what is claimed in a row: its entries in JSON, and where its columns are on disk."""

    items: Sequence[object]
    text: str
    columns: Sequence[Run] = ()


# What was written last, by the number of the first of each run. Mostly it is written again: what a
# change of a few costs is not to grow with all the others.
_LAST_RUNS: dict[int, _Run] = {}
# So many at most are written anew where one of them has changed.
_RUN = 64
_count_of = attrgetter("mark.count")
_encode = json.JSONEncoder(separators=(",", ":")).encode


def _claims_text(record: Record, columns: ColumnsText) -> Iterator[str]:
    """Yield what each profile claims, in JSON; what is folded is written as it was read.

    `columns` gets those of real servers that have a mark.
    """
    runs = _Runs(columns)
    yield from _by_owner(
        {
            owner: chain(
                runs.of_objects(held.values(), record.marks.get(owner, {})),
                runs.of_folded(list(record.folded.get(owner, {}).values())),
            )
            for owner, held in record.claims.items()
        }
    )
    _LAST_RUNS.clear()
    _LAST_RUNS.update(runs.now)


class _Runs:
    """The entries of a record in JSON; `now` has those that are worth remembering."""

    def __init__(self, columns: ColumnsText) -> None:
        self._columns = columns
        self.now: dict[int, _Run] = {}

    def of_objects(self, items: Iterable[Object], marks: Marks) -> Iterator[str]:
        """Yield what is claimed as objects; real servers have their own way to be written again."""
        for kind, group in groupby(items, compact_objects.kind_of):
            if kind in compact_objects.ROWS:
                rows = compact_objects.to_rows(group, marks)
                yield from map(_encode, map(self._columns.without, rows))
            else:
                yield from (run.text for run in self._again(list(group), _objects_run))

    def of_folded(self, servers: list[FoldedServers]) -> Iterator[str]:
        """Yield what is claimed and is no objects."""
        if None in map(attrgetter("place"), servers):
            # What was taken apart has its columns with it.
            yield from map(_encode, map(self._columns.of_folded, servers))
            return
        for run in self._again(servers, _folded_run):
            self._columns.elsewhere(run.columns)
            yield run.text

    def _again(self, items: list[Item], make: Callable[[list[Item]], _Run]) -> Iterator[_Run]:
        """Yield runs of `items`: those of last time where they are the same."""
        start = 0
        while start < len(items):
            # As long as it is remembered nothing else has its number.
            run = _LAST_RUNS.get(id(items[start]))
            if run is None or not _is_at(run, items, start):
                end = start + 1
                while end - start < _RUN and end < len(items) and id(items[end]) not in _LAST_RUNS:
                    end += 1
                run = make(items[start:end])
            self.now[id(items[start])] = run
            yield run
            start += len(run.items)


def _is_at(run: _Run, items: list[Item], start: int) -> bool:
    here = items[start : start + len(run.items)]
    return len(here) == len(run.items) and all(map(is_, run.items, here))


def _objects_run(items: list[Object]) -> _Run:
    return _Run(items, ",".join(map(_encode, compact_objects.to_rows(items))))


def _folded_run(servers: list[FoldedServers]) -> _Run:
    places = (each.place for each in servers if isinstance(each.place, Place))
    return _Run(
        servers, ",".join([_encode(each.entry) for each in servers]), tuple(runs_of(places))
    )


def _intents_text(record: Record) -> Iterator[str]:
    """Yield what was about to be made of the objects of each profile, in JSON."""
    return _by_owner(
        {each: map(_encode, compact_objects.to_rows(it)) for each, it in record.intents.items()}
    )


def _by_owner(rows: Mapping[str, Iterable[str]]) -> Iterator[str]:
    separator = "{\n"
    for owner, entries in rows.items():
        yield f"{separator}{json.dumps(owner)}: "
        yield from _listed(entries)
        separator = ",\n"
    yield "}" if rows else "{}"


def _listed(entries: Iterable[str]) -> Iterator[str]:
    """Yield a list of `entries`, which are JSON, many to a line."""
    rest, separator = iter(entries), "\n"
    yield "["
    while line := list(islice(rest, ENTRIES_TO_A_LINE)):
        yield separator + ",".join(line)
        separator = ",\n"
    yield "]"


def _entry_of(key: Key, before: Object) -> dict[str, Any]:
    """Return how an object was before, as an entry of the baseline."""
    entry = {"key": key, "before": to_plain(before)}
    attributes = before.attributes if isinstance(before, Address | Route) else None
    return {**entry, "attributes": asdict(attributes)} if attributes else entry


def _down_rows(down: Mapping[Key, Down]) -> list[Any]:
    """Return which real servers are down, and how."""
    return [[key, asdict(each)] for key, each in sorted(down.items(), key=lambda it: str(it[0]))]


def _text_entry(text: ProfileText) -> dict[str, Any]:
    """Return what the file of a profile was like, as an entry of `texts`."""
    services = " ".join([f"{size}:{said}" for size, said in text.services])
    return {"head": text.head, "services": services, "tail": text.tail}
