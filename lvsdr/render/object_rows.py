"""Where each object of a profile stands: the rows of every status output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lvsdr.model.client_connections import ClientShares
from lvsdr.model.counters import Counters
from lvsdr.model.due_change import must_change
from lvsdr.model.health import Down
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.last_apply import LastApply
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.objects import Address, Key, Object, Objects, there

FOREIGN, UNWANTED, DRAINED, DOWN = "foreign", "unwanted", "drained", "down"


@dataclass(frozen=True, slots=True)
class Row:
    """One object as the profile wants it and as it is.

    `state` is ok, missing or differs; drained where a real server has weight 0 until that is
    lifted, down where it has until it serves; foreign where somebody else has put it into a virtual
    server of the profile; unwanted where the profile wants it no longer. `down` says how it is
    down; one that is `removed` meanwhile is neither wanted nor seen.
    """

    wanted: Object | None
    seen: Object | None
    mark: str = ""
    counters: Counters | None = None
    clients: ClientShares | None = None
    down: Down | None = None
    removed: Object | None = None

    @property
    def subject(self) -> Object:
        """Return the object as it should be, or as it is where nobody wants it."""
        subject = self.wanted or self.seen or self.removed
        assert subject is not None, "a row is of something"
        return subject

    @property
    def state(self) -> str:
        if self.removed is not None and self.wanted is None:
            return self.mark if self.seen is None else UNWANTED
        if self.wanted is None:
            return self.mark
        if not there(self.wanted):
            return UNWANTED if there(self.seen) else "ok"
        if self.seen is None:
            return "missing"
        return "differs" if must_change(self.seen, self.wanted) else self.mark or "ok"

    @property
    def ok(self) -> bool:
        """Return whether it is as the profile wants it, or a drain or a check; foreign may be."""
        return self.state in ("ok", DRAINED, DOWN, FOREIGN)


class AppliedProfile(NamedTuple):
    """A profile as the record knows it; `file` and `applied`, seconds since 1970, where it does.

    It is `cut_off` where its last run never came to its end. `last_apply` may have failed.
    """

    role: str
    name: str
    file: str | None
    applied: int | None
    rows: Sequence[Row]
    cut_off: bool
    last_apply: LastApply | None = None

    @property
    def ok(self) -> bool:
        """Return whether it is as lvsdr left it."""
        return not self.cut_off and all(row.ok for row in self.rows)


def rows(  # noqa: PLR0913 - each is a part of what is known
    desired: Objects,
    observed: Objects,
    others: Objects | None = None,
    marks: Mapping[Key, str] | None = None,
    counters: Mapping[Key, Counters] | None = None,
    *,
    down: Mapping[Key, Down] | None = None,
    removed: Objects | None = None,
) -> Iterator[Row]:
    """Yield a row for each object: VIPs, services with their real servers, the rest.

    `others` are real servers that the profile does not name; `marks` say what is known of one. Of
    those that are `down`, `removed` are not in the table.
    """
    told, gone, counted = down or {}, removed or {}, counters or {}
    marked = {**dict.fromkeys(told, DOWN), **(marks or {})}
    named = {**desired, **gone}
    strangers = [item for key, item in (others or {}).items() if key not in named]
    for item in _sorted((*named.values(), *strangers)):
        key = item.key
        yield Row(
            desired.get(key),
            item if key not in named else (observed if key in desired else others or {}).get(key),
            marked.get(key, ""),
            counted.get(key),
            down=told.get(key),
            removed=gone.get(key),
        )


def _sorted(items: Iterable[Object]) -> list[Object]:
    return sorted(items, key=_place)


def _place(item: Object) -> tuple[int, Key, int]:
    if isinstance(item, VirtualServer | RealServer):
        return (1, tuple(map(str, item.service.key)), item.layer)
    return (0 if isinstance(item, Address) else 2, (), -item.layer)
