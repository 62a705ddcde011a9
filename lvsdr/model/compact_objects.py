"""Many objects as few entries of plain data: the real servers of a service are one, by columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, repeat
from operator import attrgetter
from typing import Any

from lvsdr.model.ipvs import SETTING_FIELDS, RealServer, Service, server_at
from lvsdr.model.objects import Key, Object
from lvsdr.model.plain_data import (
    PARSERS,
    SIMPLE,
    Plain,
    exact_address,
    from_plain,
    service_from_plain,
    to_plain,
)

COLUMNS = ("port", *(each.name for each in SETTING_FIELDS[RealServer]))
Known = Mapping[Service, Sequence[RealServer]]
"""Real servers as they may be, in the order in which they may be: none of these is made anew."""

NONE_KNOWN: Known = {}

_columns_of = attrgetter(*COLUMNS)
_service_of = attrgetter("service")


def to_rows(items: Iterable[Object]) -> Iterator[Plain]:
    """Yield the entries that `items` make; real servers of a service that follow one another: one.

    In it `rip` is the list of RIPs. Each other field is the value that all of them have, or
    {"each": their values}, or of values that are no numbers {"of": those there are, "at": places}.
    """
    for kind, group in groupby(items, type):
        if kind is not RealServer:
            yield from ({"object": item.kind, **to_plain(item)} for item in group)
            continue
        for _, servers in groupby(group, _service_of):
            yield _row(list(servers))


def _row(servers: Sequence[Any]) -> Plain:
    first = to_plain(servers[0])
    columns = zip(*map(_columns_of, servers), strict=True)
    varied = zip(COLUMNS, columns, strict=True)
    return {
        "object": RealServer.kind,
        **first,
        "rip": [server.key[-2] for server in servers],
        **{
            name: _column(values)
            for name, values in varied
            if values.count(values[0]) < len(values)
        },
    }


def _column(values: tuple[Any, ...]) -> Plain:
    if type(values[0]) is int:
        return {"each": list(values)}
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    plain = [list(value) if isinstance(value, tuple) else value for value in places]
    return {"of": plain, "at": [places[value] for value in values]}


def from_rows(entries: Iterable[Plain], known: Known = NONE_KNOWN) -> Iterator[Object]:
    """Yield the objects whose `to_rows` are `entries`; as `known`, those very objects.

    Raises KeyError, TypeError or ValueError where an entry is none.
    """
    for entry in entries:
        if entry["object"] == RealServer.kind:
            yield from _real_servers(entry, known)
        else:
            fields = dict(entry)
            yield from_plain(fields.pop("object"), fields)


def _real_servers(entry: Plain, known: Known) -> Iterable[Object]:
    service = service_from_plain(entry["service"])
    likely = known.get(service)
    # What is the same text need not be read.
    if likely and len(likely) == len(entry["rip"]) and _row(likely) == entry:
        return likely
    return _decoded(entry, service)


def _decoded(entry: Plain, service: Service) -> Iterator[Object]:
    texts = _texts(entry["rip"])
    columns = [_values(name, entry[name], len(texts)) for name in COLUMNS]
    if len(entry) != len(COLUMNS) + 3:
        raise ValueError("not the fields of a real server")
    for text, port, *settings in zip(texts, *columns, strict=False):
        yield server_at(service, exact_address(text), text, port, tuple(settings))


def _values(name: str, plain: Any, count: int) -> Iterable[Any]:
    """Return the values that a column has: as many as there are RIPs, or one without end."""
    parse = PARSERS.get(name)
    if not isinstance(plain, dict):
        return repeat(_value(plain, parse))
    listed = plain["each"] if "each" in plain else plain["at"]
    if len(plain) > 2 or type(listed) is not list or set(map(type, listed)) != {int}:
        raise TypeError(f"not a column of {name}")
    if len(listed) != count:
        raise ValueError(f"{len(listed)} values of {name} for {count} real servers")
    if "each" in plain:
        return listed
    values = [_value(each, parse) for each in plain["of"]]
    if min(listed) < 0:
        raise IndexError(f"not a column of {name}")
    return [values[place] for place in listed]


def _value(plain: Any, parse: Any) -> Any:
    if parse is not None:
        return parse(plain)
    if type(plain) not in SIMPLE:
        raise TypeError("not a value of a real server")
    return plain


def keys_from_rows(entries: Iterable[list[Any]]) -> Iterator[Key]:
    """Yield the keys that `entries` are; of real servers in a row, one entry may hold all RIPs.

    Raises ValueError or TypeError.
    """
    for entry in entries:
        if entry[0] != RealServer.kind:
            yield tuple(entry)
            continue
        *head, rips, port = entry
        yield from ((*head, text, port) for text in _texts(rips))


def _texts(rips: Any) -> list[str]:
    if type(rips) is not list or not rips or set(map(type, rips)) != {str}:
        raise TypeError("not a list of addresses")
    return rips
