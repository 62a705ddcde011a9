"""Real servers as people say them, a column at a time: of these there may be many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from operator import add
from typing import Any

from lvsdr.model.address import endpoint
from lvsdr.model.ipvs import SETTING_FIELDS, RealServer
from lvsdr.model.ipvs_setting_words import PEOPLE, all_said, has_words
from lvsdr.model.ipvs_tunnel import Tunnel, tunnel_in_words

FIELDS = SETTING_FIELDS[RealServer]
METHOD, UPPER, LOWER, TUNNEL = (
    [each.name for each in FIELDS].index(name)
    for name in ("forwarding_method", "upper_threshold", "lower_threshold", "tunnel")
)
TOLD = [(place, each) for place, each in enumerate(FIELDS) if has_words(each, PEOPLE)]


def places(texts: Sequence[str], ports: Iterable[int]) -> list[str]:
    """Return real servers at RIPs that are written as `texts`, each with its port if it has one.

    The ports may go on without end.
    """
    both = zip(texts, ports, strict=False)
    if ":" in "".join(texts):
        return [endpoint(text, port) if port else text for text, port in both]
    return [f"{text}:{port}" if port else text for text, port in both]


def details(settings: Sequence[Iterable[Any]], count: int) -> list[str]:
    """Return the settings of `count` real servers; `settings` are the columns of SETTING_FIELDS.

    The columns may go on without end.
    """
    columns = [list(islice(each, count)) for each in settings]
    said = map(_said, *[columns[place] for place, _ in TOLD])
    limits = map(_thresholds, columns[UPPER], columns[LOWER])
    rest = map(add, limits, map(_tunnel, columns[TUNNEL]))
    return list(map("".join, zip(columns[METHOD], said, rest, strict=True)))


# Of the values of one setting there are few, though real servers differ in several.
@lru_cache(maxsize=4096)
def _said(*values: Any) -> str:
    pairs = [(each, value) for (_, each), value in zip(TOLD, values, strict=True)]
    return "".join(f", {each}" for each in all_said(pairs, PEOPLE))


@lru_cache(maxsize=4096)
def _thresholds(upper: int, lower: int) -> str:
    return f", thresholds {upper}/{lower}" if upper or lower else ""


@lru_cache(maxsize=64)
def _tunnel(tunnel: Tunnel) -> str:
    return f", {words}" if (words := tunnel_in_words(*tunnel)) else ""
