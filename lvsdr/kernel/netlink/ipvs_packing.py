"""Ports and settings of real servers as attributes, a column at a time: there may be many."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from operator import attrgetter
from socket import htons
from typing import Any, NamedTuple

from lvsdr.kernel.netlink.ipvs_attributes import (
    BE16,
    DEST_PORT,
    REAL_SERVER,
    SETTING_NAMES,
    Carried,
)
from lvsdr.kernel.netlink.netlink_messages import pack_attribute
from lvsdr.model.ipvs import RealServer
from lvsdr.model.servers_in_columns import ServersInColumns


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
    """Ports, then settings in one order, as attributes; many fields are a number and its own."""

    def __init__(self, order: Callable[[int], int]) -> None:
        found = [
            (kind, place, row, number)
            for row in REAL_SERVER
            for place in [SETTING_NAMES.index(row.field)]
            for number, kind in enumerate(row.forms)
        ]
        ordered = sorted(found, key=lambda slot: order(slot[0]))
        self._slots = [slot[1:] for slot in ordered]
        self._kinds = [DEST_PORT, *(kind for kind, *_ in ordered)]
        self._fields = [attrgetter(name) for name in SETTING_NAMES]
        parts = [
            f"4s{form.format.lstrip('=')}" if row.numbers is None else f"{4 + max(4, form.size)}s"
            for row, form in ((row, list(row.forms.values())[at]) for _, row, at in self._slots)
        ]
        self._pack = struct.Struct("=4sH2x" + "".join(parts)).pack

    def __call__(self, servers: Sequence[RealServer]) -> Iterator[bytes]:
        """Yield the port and the settings of each of `servers`, one at least, as attributes."""
        parts: list[Iterable[Any]] = [repeat(PORT_HEADER), map(htons, map(_port_of, servers))]
        columns = [list(map(field, servers)) for field in self._fields]
        for place, row, number in self._slots:
            values = columns[place]
            if row.numbers is None:
                parts += repeat(HEADERS[row.field]), values
            elif values.count(values[0]) == len(values):
                # As nearly always.
                parts.append(repeat(_packed_field(row, values[0])[number]))
            else:
                packed = {value: _packed_field(row, value)[number] for value in set(values)}
                parts.append(map(packed.__getitem__, values))
        return map(self._pack, *parts)

    def in_columns(self, servers: ServersInColumns) -> tuple[bytes, list[tuple[int, Column]]]:
        """Return ports and settings of the first as attributes, and the columns that differ.

        Each column is told with its place.
        """
        known = _attributes(servers)
        fixed = [known[kind][0] for kind in self._kinds]
        columns = [
            (number * (HEAD + VALUE) + HEAD, column)
            for number, kind in enumerate(self._kinds)
            if (column := known[kind][1]) is not None
        ]
        return b"".join(fixed), columns


class Column(NamedTuple):
    """What differs between real servers: values of so many bytes each, one after the other."""

    width: int
    packed: bytes


# Bytes: of an attribute of a real server.
HEAD, VALUE = 4, 4


# Sent, and looked for once they are there.
@lru_cache(maxsize=4096)
def _attributes(servers: ServersInColumns) -> Mapping[int, tuple[bytes, Column | None]]:
    """Return the port and the settings by the numbers of their attributes, and what differs."""
    found = {DEST_PORT: _ports(servers.ports)}
    for row in REAL_SERVER:
        values = servers.settings[SETTING_NAMES.index(row.field)]
        # As nearly always.
        alike = values.count(values[0]) == len(values)
        for number, kind in enumerate(row.forms):
            fixed = _packed_field(row, values[0])[number]
            found[kind] = fixed, None if alike else _column(row, number, values)
    return found


def _ports(ports: Sequence[int]) -> tuple[bytes, Column | None]:
    column = None
    if ports.count(ports[0]) < len(ports):
        column = Column(BE16.size, struct.pack(f"!{len(ports)}H", *ports))
    return dest_port(ports[0]), column


def _column(row: Carried, number: int, values: Sequence[Any]) -> Column:
    """Return what an attribute of a field has in each of its `values`."""
    if row.numbers is None:
        return Column(VALUE, struct.pack(f"={len(values)}I", *values))
    packed = {value: _packed_field(row, value)[number][HEAD:] for value in set(values)}
    return Column(VALUE, b"".join(map(packed.__getitem__, values)))


_port_of = attrgetter("port")
PORT_HEADER = pack_attribute(DEST_PORT, bytes(BE16.size))[:4]
# Of a number the attribute's header, which is the same for all.
HEADERS = {
    row.field: pack_attribute(kind, form.pack(0))[:4]
    for row in REAL_SERVER
    for kind, form in row.forms.items()
    if row.numbers is None
}

listed_settings = Packing(lambda kind: 0)
"""Ports and settings in the order in which the kernel lists them: that of REAL_SERVER."""
sent_settings = Packing(lambda kind: kind)
"""Ports and settings in the order of a request, by their numbers."""
