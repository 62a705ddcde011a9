"""The settings of real servers as attributes, made in one go: of these there may be many."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

from lvsdr.kernel.netlink.ipvs_attributes import (
    BE16,
    DEST_PORT,
    REAL_SERVER,
    SETTING_NAMES,
    Carried,
)
from lvsdr.kernel.netlink.netlink_messages import pack_attribute
from lvsdr.model.ipvs import Settings


@lru_cache(maxsize=4096)
def dest_port(port: int) -> bytes:
    """Return the port of a real server as an attribute."""
    return pack_attribute(DEST_PORT, BE16.pack(port))


@lru_cache(maxsize=4096)
def _packed_field(row: Carried, value: Any) -> tuple[bytes, ...]:
    """Return the attributes of a field, in the order of its forms."""
    numbers = (value,) if row.numbers is None else row.numbers(value)
    pairs = zip(row.forms.items(), numbers, strict=True)
    return tuple(pack_attribute(kind, form.pack(number)) for (kind, form), number in pairs)


class Packing:
    """Settings as attributes in one order, in one go; many fields are a number and its own."""

    def __init__(self, order: Callable[[int], int]) -> None:
        found = [
            (kind, place, row, number)
            for row in REAL_SERVER
            for place in [SETTING_NAMES.index(row.field)]
            for number, kind in enumerate(row.forms)
        ]
        self._slots = [slot[1:] for slot in sorted(found, key=lambda slot: order(slot[0]))]
        parts = [
            f"4s{form.format.lstrip('=')}" if row.numbers is None else f"{4 + max(4, form.size)}s"
            for row, form in ((row, list(row.forms.values())[at]) for _, row, at in self._slots)
        ]
        self._pack = struct.Struct("=" + "".join(parts)).pack

    def __call__(self, settings: Iterable[Settings]) -> Iterator[bytes]:
        """Yield the attributes of each of `settings`: those that recur are packed once."""
        every = list(settings)
        distinct = dict.fromkeys(every)
        packed = self._columns(list(zip(*distinct, strict=True)))
        if len(distinct) == len(every):
            return packed
        return map(dict(zip(distinct, packed, strict=True)).__getitem__, every)

    def _columns(self, columns: Sequence[Sequence[Any]]) -> Iterator[bytes]:
        """Yield the attributes of settings: a column at a time, which takes a third."""
        parts: list[Iterable[Any]] = []
        for place, row, number in self._slots if columns else ():
            values = columns[place]
            if row.numbers is None:
                parts += repeat(HEADERS[row.field]), values
            else:
                packed = {value: _packed_field(row, value)[number] for value in set(values)}
                parts.append(map(packed.__getitem__, values))
        return map(self._pack, *parts) if parts else iter(())


# Of a number the attribute's header, which is the same for all.
HEADERS = {
    row.field: pack_attribute(kind, form.pack(0))[:4]
    for row in REAL_SERVER
    for kind, form in row.forms.items()
    if row.numbers is None
}

listed_settings = Packing(lambda kind: 0)
"""Settings as attributes, in the order in which the kernel lists them: that of REAL_SERVER."""
sent_settings = Packing(lambda kind: kind)
"""Settings as attributes of a request, by their numbers."""
