"""The columns of an entry of a record: whether they are what lvsdr writes, and as they are written.

Nobody may be told of real servers, or bring them back, that could not be understood.
"""

from __future__ import annotations

import re
from typing import Any

from lvsdr.model.compact_objects import COLUMNS, listed_in, value_of, without_mark
from lvsdr.model.ipvs import SETTING_FIELDS, RealServer
from lvsdr.model.plain_data import PARSERS, Plain, exact_numbers


def refuse_strange(entry: Plain, count: int) -> None:
    """Raise LookupError, TypeError or ValueError where an entry with a mark is none of `to_rows`.

    It has `count` real servers, none of which is made an object.
    """
    rips = entry["rip"]
    if len(without_mark(entry)) != len(COLUMNS) + 3 or _RIPS.fullmatch(rips) is None:
        raise ValueError("not the fields of a real server")
    if rips.count(" ") != count - 1:
        raise ValueError(f"not {count} real servers")
    varied = [entry[name] for name in COLUMNS if type(entry[name]) is dict]
    _refuse_strange_numbers(list(map(listed_in, varied)), count)
    for name in COLUMNS:
        plain = entry[name]
        if type(plain) is not dict:
            number_or_value(name, plain)
        elif "of" in plain:
            places = map(str, range(len([number_or_value(name, each) for each in plain["of"]])))
            if not set(number_texts(plain)).issubset(places):
                raise IndexError(f"not a column of {name}")
        elif name not in _NUMBERED:
            raise TypeError(f"not a column of {name}")


def number_or_value(name: str, plain: Any) -> Any:
    """Return a value of a column, a number as its text; raise TypeError or ValueError."""
    value = value_of(plain, PARSERS.get(name))
    if name not in _NUMBERED:
        return value
    if type(value) is not int:
        raise TypeError(f"not a number: {name}")
    return str(value)


def number_texts(column: Plain) -> list[str]:
    """Return the numbers that a column lists, as they are written."""
    listed = listed_in(column)
    # As lvsdr/baseline/3 has them.
    return list(map(str, listed)) if type(listed) is list else listed.split(" ")


def _refuse_strange_numbers(listed: list[Any], count: int) -> None:
    """Raise TypeError or ValueError where columns do not list `count` numbers, none negative."""
    texts = [each if type(each) is str else _as_text(each) for each in listed]
    if any(each.count(" ") != count - 1 for each in texts):
        raise ValueError(f"not {count} values for {count} real servers")
    # Of all at once.
    if texts and not exact_numbers(" ".join(texts)):
        raise TypeError("not the numbers of a column")


def _as_text(numbers: Any) -> str:
    """Return the numbers of a list, as lvsdr/baseline/3 has them."""
    if type(numbers) is not list or set(map(type, numbers)) != {int}:
        raise TypeError("not the numbers of a column")
    return " ".join(map(str, numbers))


_RIPS = re.compile(r"[0-9a-f.:]+(?: [0-9a-f.:]+)*")
_NUMBERED = {
    "port",
    *(each.name for each in SETTING_FIELDS[RealServer] if type(each.default) is int),
}
