"""The real servers of a virtual server as columns: none of them is an object until it has to be.

A first apply makes fifty thousand of them. Of one that nobody has seen yet all that is done is done
to a column at once: a service of them is one object of a plan, and one change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from lvsdr.model.address import parsed_address
from lvsdr.model.change import Change, Plan
from lvsdr.model.compact_objects import COLUMNS, column_of
from lvsdr.model.folded_servers import in_columns
from lvsdr.model.ipvs import (
    REAL_SERVERS,
    RealServer,
    Service,
    VirtualServer,
    servers_in_columns,
)
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.objects import DESTINATIONS, Key, Object, Objects
from lvsdr.model.plain_data import Plain, plain_value


@dataclass(frozen=True, slots=True, eq=False)
class ServersInColumns(Object):
    """All real servers of `service` in their order; in a plan there is one at least.

    `texts` are their RIPs as they are written; `settings` are the columns of SETTING_FIELDS. Each
    column has a value for each of them. Iterating makes them objects, once.
    """

    kind: ClassVar[str] = REAL_SERVERS
    noun: ClassVar[str] = "real servers"
    layer: ClassVar[int] = DESTINATIONS

    service: Service
    texts: Sequence[str]
    ports: Sequence[int]
    settings: Sequence[Sequence[Any]]
    known: dict[str, Any] = field(default_factory=dict, repr=False)

    # Two of them are never the same: nobody looks at all that they hold.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[RealServer]:
        return iter(self.objects)

    @property
    def of_one_family(self) -> bool:
        """Return whether all RIPs are of IPv4, or all of IPv6."""
        if ":" not in self.texts[0]:
            return ":" not in "".join(self.texts)
        return all(":" in text for text in self.texts)

    def at(self, place: int) -> RealServer:
        """Return one of them as an object."""
        here = slice(place, place + 1)
        settings = [column[here] for column in self.settings]
        text = self.texts[place]
        columns = [parsed_address(text)], [text], self.ports[here], settings
        return servers_in_columns(self.service, *columns)[0]

    @property
    def objects(self) -> list[RealServer]:
        """Return them as objects, the same each time."""
        if "objects" not in self.known:
            rips = map(parsed_address, self.texts)
            columns = rips, self.texts, self.ports, self.settings
            self.known["objects"] = servers_in_columns(self.service, *columns) if self.texts else []
        made: list[RealServer] = self.known["objects"]
        return made

    def told(self) -> Iterable[tuple[str, str]]:
        """Return the place of each and its settings, as people say them."""
        from lvsdr.model import told_columns  # noqa: PLC0415 - a small table needs none of it

        return told_columns.told(self.row)

    @property
    def row(self) -> Plain:
        """Return the entry of a record that they make, as `to_rows` does."""
        if "row" not in self.known:
            named = zip(COLUMNS, (self.ports, *self.settings), strict=True)
            self.known["row"] = {
                "object": RealServer.kind,
                "service": plain_value(self.service),
                "rip": " ".join(self.texts),
                **{name: _column(values) for name, values in named},
            }
        row: Plain = self.known["row"]
        return row

    @property
    def key(self) -> Key:
        # With their number: a record says how many there are of what was not there before.
        return (self.kind, *self.service.key, len(self.texts))

    @property
    def parent_key(self) -> Key:
        return (VirtualServer.kind, *self.service.key)

    @property
    def title(self) -> str:
        return f"{len(self)} of {self.service}"

    @property
    def detail(self) -> str:
        return ", ".join(self.texts)


def _column(values: Sequence[Any]) -> Any:
    """Return the value that all have, or the column of their values."""
    first = values[0]
    return plain_value(first) if values.count(first) == len(values) else column_of(values)


def one_by_one(plan: Iterable[Change]) -> Plan:
    """Return the plan in which each real server has a change of its own."""
    return tuple(_one_by_one(plan))


def _one_by_one(plan: Iterable[Change]) -> Iterator[Change]:
    for change in plan:
        if in_columns(change.after):
            yield from (Change(None, server) for server in change.after)
        else:
            yield change


def each_by_its_key(objects: Objects) -> dict[Key, Object]:
    """Return `objects`, real servers each with its own key."""
    found: dict[Key, Object] = {}
    for key, item in objects.items():
        if in_columns(item):
            found |= ((server.key, server) for server in item)
        else:
            found[key] = item
    return found
