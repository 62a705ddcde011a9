"""Some real servers of an entry of a record: read and weighed where they stand in its columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lvsdr.model.compact_objects import COLUMNS, decoded, listed_in, texts_of, without_mark
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.plain_data import Plain


def unfolded_at(entry: Plain, service: Service, rip: str) -> tuple[RealServer, ...]:
    """Return the real servers at `rip` of an entry that has a mark, as `unfolded` does."""
    bare = without_mark(entry)
    texts = texts_of(bare["rip"])
    places = [place for place, text in enumerate(texts) if text == rip]
    if not places:
        return ()
    some = {**bare, "rip": " ".join([rip] * len(places))}
    for name in COLUMNS:
        if type(bare[name]) is dict:
            values = _column_texts(bare[name], len(texts))
            listed = "each" if "each" in bare[name] else "at"
            some[name] = {**bare[name], listed: " ".join([values[place] for place in places])}
    return tuple(decoded(some, service))


def weighed(entry: Plain, servers: Iterable[RealServer]) -> Plain:
    """Return an entry that has a mark in which `servers`, which are in it, have their weights.

    Raises KeyError, TypeError or ValueError where it is no entry of `to_rows`.
    """
    texts = texts_of(entry["rip"])
    ports, weights = (_column_texts(entry[name], len(texts)) for name in ("port", "weight"))
    places = {each: place for place, each in enumerate(zip(texts, ports, strict=True))}
    for server in servers:
        weights[places[str(server.key[-2]), str(server.port)]] = str(server.weight)
    same = weights.count(weights[0]) == len(weights)
    return {**entry, "weight": int(weights[0]) if same else {"each": " ".join(weights)}}


def _column_texts(plain: Any, count: int) -> list[str]:
    """Return what a column says of each of `count` real servers, as it is written."""
    if type(plain) is not dict:
        return [str(plain)] * count
    numbers = str(listed_in(plain)).split(" ")
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} values for {count} real servers")
    return numbers
