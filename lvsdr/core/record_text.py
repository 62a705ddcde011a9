"""The pieces of a record as JSON: entries of the baseline, and long lists in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from lvsdr.core.record import Record
from lvsdr.core.record_columns import ColumnsText
from lvsdr.model import compact_objects
from lvsdr.model.folded_servers import ProfileText
from lvsdr.model.health import Down
from lvsdr.model.late_dataclasses import asdict
from lvsdr.model.objects import Address, Key, Object, Route
from lvsdr.model.plain_data import to_plain

ENTRIES_TO_A_LINE = 256


def claims_text(record: Record, columns: ColumnsText) -> Iterator[str]:
    """Yield what each profile claims, in JSON; what is folded is written as it was read.

    `columns` gets those of real servers that have a mark.
    """
    rows = {
        owner: chain(
            map(
                columns.without,
                compact_objects.to_rows(held.values(), record.marks.get(owner, {})),
            ),
            map(columns.of_folded, record.folded.get(owner, {}).values()),
        )
        for owner, held in record.claims.items()
    }
    return _by_owner(rows)


def intents_text(record: Record) -> Iterator[str]:
    """Yield what was about to be made of the objects of each profile, in JSON."""
    return _by_owner({each: compact_objects.to_rows(it) for each, it in record.intents.items()})


def _by_owner(rows: Mapping[str, Iterable[Any]]) -> Iterator[str]:
    separator = "{\n"
    for owner, entries in rows.items():
        yield f"{separator}{json.dumps(owner)}: "
        yield from listed(entries)
        separator = ",\n"
    yield "}" if rows else "{}"


def listed(entries: Iterable[Any]) -> Iterator[str]:
    """Yield a list in JSON, many entries to a line: encoding one at a time takes longer."""
    rest, separator = iter(entries), "\n"
    yield "["
    while line := list(islice(rest, ENTRIES_TO_A_LINE)):
        yield separator + json.dumps(line, separators=(",", ":"))[1:-1]
        separator = ",\n"
    yield "]"


def entry_of(key: Key, before: Object) -> dict[str, Any]:
    """Return how an object was before, as an entry of the baseline."""
    entry = {"key": key, "before": to_plain(before)}
    attributes = before.attributes if isinstance(before, Address | Route) else None
    return {**entry, "attributes": asdict(attributes)} if attributes else entry


def down_rows(down: Mapping[Key, Down]) -> list[Any]:
    """Return which real servers are down, and how."""
    return [[key, asdict(each)] for key, each in sorted(down.items(), key=lambda it: str(it[0]))]


def text_entry(text: ProfileText) -> dict[str, Any]:
    """Return what the file of a profile was like, as an entry of `texts`."""
    services = " ".join([f"{size}:{said}" for size, said in text.services])
    return {"head": text.head, "services": services, "tail": text.tail}
