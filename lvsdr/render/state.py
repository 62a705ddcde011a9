"""Where each object of a profile stands: the rows of every status output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lvsdr.model.objects import Address, Key, Object, Objects, RealServer, VirtualServer


@dataclass(frozen=True, slots=True)
class Row:
    """One object as the profile wants it and as it is; `state` is ok, missing or differs."""

    wanted: Object
    seen: Object | None

    @property
    def state(self) -> str:
        if self.seen is None:
            return "missing"
        return "ok" if self.seen == self.wanted else "differs"


def rows(desired: Objects, observed: Objects) -> Iterator[Row]:
    """Yield a row for each desired object: VIPs, services with their real servers, the rest."""
    for wanted in sorted(desired.values(), key=_place):
        yield Row(wanted, observed.get(wanted.key))


def _place(item: Object) -> tuple[int, Key, int]:
    if isinstance(item, VirtualServer | RealServer):
        return (1, tuple(map(str, item.service.key)), item.layer)
    return (0 if isinstance(item, Address) else 2, (), -item.layer)
