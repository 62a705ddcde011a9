"""The pieces of a record as JSON: entries of the baseline, and long lists in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from lvsdr.model import compact_objects
from lvsdr.model.late_dataclasses import asdict, replace
from lvsdr.model.objects import Address, Key, Object, Route
from lvsdr.model.other_attributes import AddressAttributes, RouteAttributes
from lvsdr.model.plain_data import from_plain, to_plain

ENTRIES_TO_A_LINE = 256


def by_owner(owners: Mapping[str, Iterable[Object]]) -> Iterator[str]:
    """Yield the objects of each profile, in JSON."""
    separator = "{\n"
    for owner, items in owners.items():
        yield f"{separator}{json.dumps(owner)}: "
        yield from listed(compact_objects.to_rows(items))
        separator = ",\n"
    yield "}" if owners else "{}"


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


def before_of(entry: Mapping[str, Any]) -> Object:
    """Return the object of an entry; raises LookupError, TypeError or ValueError."""
    before = from_plain(entry["key"][0], entry["before"])
    # Records of versions that kept none have none.
    others = entry.get("attributes")
    if others is not None and isinstance(before, Address):
        return replace(before, attributes=AddressAttributes(**others))
    if others is not None and isinstance(before, Route):
        return replace(before, attributes=RouteAttributes(**others))
    return before
