"""Many objects as few entries of plain data: the real servers of a service are one, by columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, repeat
from operator import attrgetter, is_
from typing import Any

from lvsdr.model.folded_servers import Mark, in_columns
from lvsdr.model.ipvs import REAL_SERVERS, SETTING_FIELDS, RealServer, Service, servers_in_columns
from lvsdr.model.objects import Key, Object
from lvsdr.model.plain_data import (
    PARSERS,
    SIMPLE,
    Plain,
    exact_address,
    exact_numbers,
    from_plain,
    service_from_plain,
    to_plain,
)

ROWS = frozenset({RealServer.kind, REAL_SERVERS})
COLUMNS = ("port", *(each.name for each in SETTING_FIELDS[RealServer]))
Known = Mapping[Service, Sequence[RealServer]]
"""Real servers as they may be, in the order in which they may be: none of these is made anew."""

NONE_KNOWN: Known = {}
Marks = Mapping[Key, Mark]
NO_MARKS: Marks = {}

kind_of = attrgetter("kind")
_columns_of = attrgetter(*COLUMNS)
_service_of = attrgetter("service")


def to_rows(items: Iterable[Object], marks: Marks = NO_MARKS) -> Iterator[Plain]:
    """Yield the entries that `items` make; real servers of a service that follow one another: one.

    In it `rip` has the RIPs, with blanks between them. Each other field is the value that all of
    them have, or {"each": their values} in the same way: a list of fifty thousand is one text to
    whoever reads it. Those that have a mark, by Service.key, are written with it.
    """
    for kind, group in groupby(items, kind_of):
        if kind not in ROWS:
            yield from ({"object": item.kind, **to_plain(item)} for item in group)
            continue
        for service, servers in groupby(group, _service_of):
            here = list(servers)
            row, count = _row_again(service, here)
            mark = marks.get(service.key)
            # A part of them is not what the mark is of.
            if mark is None or mark.count != count:
                yield row
            else:
                yield {**row, "said": mark.said, "listed": mark.listed}


# What a run is about to do is written, and once more when it is done.
_LAST_ROWS: dict[Service, tuple[list[Object], Plain]] = {}


def _row_again(service: Service, servers: list[Object]) -> tuple[Plain, int]:
    """Return the entry of real servers, the last one where they are the same, and their number."""
    if in_columns(first := servers[0]):
        return first.row, len(first)
    before, row = _LAST_ROWS.pop(service, ((), {}))
    if len(before) != len(servers) or not all(map(is_, before, servers)):
        row = _row(servers)
        _LAST_ROWS[service] = servers, row
    return row, len(servers)


def _row(servers: Sequence[Any]) -> Plain:
    first = to_plain(servers[0])
    columns = zip(*map(_columns_of, servers), strict=True)
    varied = zip(COLUMNS, columns, strict=True)
    return {
        "object": RealServer.kind,
        **first,
        "rip": " ".join([server.key[-2] for server in servers]),
        **{
            name: column_of(values)
            for name, values in varied
            if values.count(values[0]) < len(values)
        },
    }


def column_of(values: Sequence[Any]) -> Plain:
    """Return the values of a column, which are not all the same, as `to_rows` does."""
    if type(values[0]) is int:
        # Three times as fast as one number after the other.
        return {"each": str(list(values))[1:-1].replace(",", "")}
    places = {value: str(place) for place, value in enumerate(dict.fromkeys(values))}
    plain = [list(value) if isinstance(value, tuple) else value for value in places]
    return {"of": plain, "at": " ".join([places[value] for value in values])}


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


def mark_of(entry: Plain) -> tuple[Service, Mark] | None:
    """Return the service of an entry that has a mark, and the mark; None of one that has none.

    Raises KeyError, TypeError or ValueError where it is no entry of `to_rows`.
    """
    if "said" not in entry:
        return None
    said, listed = entry["said"], entry["listed"]
    count = entry["rip"].count(" ") + 1 if "rip" in entry else entry["count"]
    if {type(said), type(listed)} != {str} or type(count) is not int:
        raise TypeError("not a mark")
    return service_from_plain(entry["service"]), Mark(said, listed, count)


def unfolded(entry: Plain, service: Service) -> tuple[RealServer, ...]:
    """Return the real servers of an entry that has a mark.

    Raises KeyError, TypeError or ValueError where it is no entry of `to_rows`.
    """
    bare = without_mark(entry)
    servers = decoded(bare, service)
    # Most of them are written again as they were read.
    _LAST_ROWS[service] = list[Object](servers), bare
    return tuple(servers)


def without_mark(entry: Plain) -> Plain:
    """Return an entry as one that has no mark."""
    if "said" not in entry:
        return entry
    return {name: each for name, each in entry.items() if name not in ("said", "listed")}


def _real_servers(marked: Plain, known: Known) -> Iterable[RealServer]:
    entry, service = without_mark(marked), service_from_plain(marked["service"])
    likely = known.get(service)
    # What is the same text need not be read.
    if likely and _row(likely) == entry:
        return likely
    return decoded(entry, service)


def decoded(entry: Plain, service: Service) -> list[RealServer]:
    """Return the real servers of an entry without a mark, as `unfolded` does."""
    texts, (ports, *settings) = columns_of(entry)
    return servers_in_columns(service, map(exact_address, texts), texts, ports, settings)


def columns_of(entry: Plain) -> tuple[list[str], list[Iterable[Any]]]:
    """Return the RIPs of an entry without a mark as they are written, and the columns of COLUMNS.

    Of these some go on without end. Raises KeyError, TypeError or ValueError where it is no entry
    of `to_rows`.
    """
    texts = texts_of(entry["rip"])
    columns = [_values(name, entry[name], len(texts)) for name in COLUMNS]
    if len(entry) != len(COLUMNS) + 3:
        raise ValueError("not the fields of a real server")
    return texts, columns


def _values(name: str, plain: Any, count: int) -> Iterable[Any]:
    """Return the values that a column has: as many as there are RIPs, or one without end."""
    parse = PARSERS.get(name)
    if type(plain) is not dict:
        return repeat(value_of(plain, parse))
    numbers = _numbers(listed_in(plain))
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} values of {name} for {count} real servers")
    if "each" in plain:
        return numbers
    values = [value_of(each, parse) for each in plain["of"]]
    if min(numbers) < 0:
        raise IndexError(f"not a column of {name}")
    return [values[place] for place in numbers]


def listed_in(column: Plain) -> Any:
    """Return what a column lists: its numbers, or the places of its values."""
    if len(column) > 2 or (len(column) == 2) == ("each" in column):
        raise TypeError("not a column")
    return column["each"] if "each" in column else column["at"]


def _numbers(listed: Any) -> list[int]:
    """Return the numbers of a column: of a text, or of a list as lvsdr/baseline/3 has it."""
    if type(listed) is str and exact_numbers(listed):
        return list(map(int, listed.split(" ")))
    if type(listed) is not list or set(map(type, listed)) != {int}:
        raise TypeError("not the numbers of a column")
    return listed


def value_of(plain: Any, parse: Any) -> Any:
    """Return what a column says, or one of its values; raise TypeError or ValueError."""
    if parse is not None:
        return parse(plain)
    if type(plain) not in SIMPLE:
        raise TypeError("not a value of a real server")
    return plain


def texts_of(rips: Any) -> list[str]:
    """Return the RIPs: a text with blanks between them, or a list as former records have it."""
    listed = rips.split(" ") if type(rips) is str else rips
    if type(listed) is not list or not listed or set(map(type, listed)) != {str}:
        raise TypeError("not a list of addresses")
    return listed
