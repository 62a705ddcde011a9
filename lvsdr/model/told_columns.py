"""The real servers of an entry of a record as people say them, a column at a time.

None of them is made an object, nor is a number: it is written as it is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from itertools import repeat
from typing import Any

from lvsdr.model.address import endpoint
from lvsdr.model.compact_objects import COLUMNS, texts_of
from lvsdr.model.ipvs import SETTING_FIELDS, RealServer
from lvsdr.model.ipvs_setting_words import PEOPLE, has_words, limits_in_words, said
from lvsdr.model.ipvs_tunnel import Tunnel, tunnel_in_words
from lvsdr.model.late_dataclasses import Field
from lvsdr.model.plain_data import Plain
from lvsdr.model.strange_columns import number_or_value, number_texts


def told(entry: Plain) -> Iterable[tuple[str, str]]:
    """Return the place of each real server of an entry, and its settings, as people say them.

    `strange_columns` has looked at it.
    """
    texts = texts_of(entry["rip"])
    column = {name: _column(name, entry[name]) for name in COLUMNS}
    limits = _limits(column["upper_threshold"], column["lower_threshold"])
    words = [map(words_of, column[name]) for name, words_of in _WORDS.items()]
    methods, tunnels = column["forwarding_method"], map(_tunnel, column["tunnel"])
    # Columns may go on without end.
    parts = zip(methods, *words, limits, tunnels, strict=False)
    return zip(_places(texts, column["port"]), map("".join, parts), strict=False)


def _places(texts: list[str], ports: Iterable[str]) -> list[str]:
    both = zip(texts, ports, strict=False)
    if ":" in "".join(texts):
        return [text if port == "0" else endpoint(text, int(port)) for text, port in both]
    return [text if port == "0" else f"{text}:{port}" for text, port in both]


def _column(name: str, plain: Any) -> Iterable[Any]:
    """Return what a column says of each real server, numbers as texts; one value without end."""
    if type(plain) is not dict:
        return repeat(number_or_value(name, plain))
    numbers = number_texts(plain)
    if "each" in plain:
        return numbers
    by_place = {str(place): number_or_value(name, each) for place, each in enumerate(plain["of"])}
    return map(by_place.__getitem__, numbers)


def _said(field: Field[Any], text: str) -> str:
    # What no kernel has is said as it is written.
    value = int(text) if len(text) <= _DIGITS else text
    return f", {words}" if (words := said(field, value, PEOPLE)) else ""


# Those of the largest number of 32 bits.
_DIGITS = 10


def _limits(uppers: Iterable[str], lowers: Iterable[str]) -> Iterable[str]:
    """Return the words of thresholds, which may differ in all that have some."""
    return (
        "" if upper == "0" == lower else f", {limits_in_words(upper, lower)}"
        for upper, lower in zip(uppers, lowers, strict=False)
    )


@lru_cache(maxsize=64)
def _tunnel(tunnel: Tunnel) -> str:
    return f", {words}" if (words := tunnel_in_words(*tunnel)) else ""


# What is said of numbers by themselves; there are few, though real servers differ in several.
_WORDS = {
    each.name: lru_cache(maxsize=4096)(partial(_said, each))
    for each in SETTING_FIELDS[RealServer]
    if has_words(each, PEOPLE)
}
