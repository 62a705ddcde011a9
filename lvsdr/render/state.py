"""Where each object of a profile stands: the rows of every status output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lvsdr.model.objects import Object, Objects


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
    """Yield a row for each desired object, from the top down: what people look for first."""
    for wanted in sorted(desired.values(), key=lambda item: -item.layer):
        yield Row(wanted, observed.get(wanted.key))
