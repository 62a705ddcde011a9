"""Many objects as few entries of plain data: real servers that differ in nothing but their RIP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from lvsdr.model.ipvs import RealServer, server_at, settings_of
from lvsdr.model.objects import Key, Object
from lvsdr.model.plain_data import Plain, exact_address, from_plain, to_plain


def to_rows(items: Iterable[Object]) -> Iterator[Plain]:
    """Yield the entries that `items` make; of real servers in a row, `rip` is the list of RIPs."""
    for beside, group in groupby(items, _beside_its_rip):
        if beside is None:
            yield from ({"object": item.kind, **to_plain(item)} for item in group)
        else:
            first, *others = group
            rips = [first.key[-2], *(item.key[-2] for item in others)]
            yield {"object": first.kind, **to_plain(first), "rip": rips}


def from_rows(entries: Iterable[Plain]) -> Iterator[Object]:
    """Yield the objects whose `to_rows` are `entries`.

    Raises KeyError, TypeError or ValueError where an entry is none.
    """
    for entry in entries:
        fields = dict(entry)
        kind = fields.pop("object")
        if kind != RealServer.kind:
            yield from_plain(kind, fields)
            continue
        first, *others = _texts(fields["rip"])
        model = from_plain(kind, {**fields, "rip": first})
        assert isinstance(model, RealServer), "from_plain() makes the kind it is asked for"
        yield model
        service, port, rest = model.service, model.port, settings_of(model)
        for text in others:
            yield server_at(service, exact_address(text), text, port, rest)


def keys_to_rows(keys: Iterable[Key]) -> Iterator[list[Any]]:
    """Yield the entries that `keys` make; of real servers in a row, one holds all RIPs."""
    for beside, group in groupby(keys, _key_beside_its_rip):
        if beside is None:
            yield from map(list, group)
        else:
            *head, port = beside
            yield [*head, [key[-2] for key in group], port]


def keys_from_rows(entries: Iterable[list[Any]]) -> Iterator[Key]:
    """Yield the keys whose `keys_to_rows` are `entries`; raises ValueError or TypeError."""
    for entry in entries:
        if entry[0] != RealServer.kind:
            yield tuple(entry)
            continue
        *head, rips, port = entry
        yield from ((*head, text, port) for text in _texts(rips))


def _beside_its_rip(item: Object) -> tuple[Any, ...] | None:
    """Return all of a real server but its RIP."""
    if not isinstance(item, RealServer):
        return None
    return item.service, item.port, settings_of(item)


def _key_beside_its_rip(key: Key) -> tuple[Any, ...] | None:
    """Return the key of a real server but for its RIP."""
    return (*key[:-2], key[-1]) if key[0] == RealServer.kind else None


def _texts(rips: Any) -> list[str]:
    if type(rips) is not list or not rips or set(map(type, rips)) != {str}:
        raise TypeError("not a list of addresses")
    return rips
