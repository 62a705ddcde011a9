"""Changes on their way to the kernel: in their order, those of the IPVS table in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import accumulate, groupby

from lvsdr.errors import LvsdrError
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.tables import ipvs_batch
from lvsdr.model.change import Change
from lvsdr.model.folded_servers import in_columns


class CarryingOut:
    """Changes that are carried out, and how far that is; `one` does it of what goes alone."""

    def __init__(
        self, sockets: Sockets, one: Callable[[Change], None], changes: Iterable[Change]
    ) -> None:
        self._sockets, self._one = sockets, one
        self._changes = tuple(changes)
        self._last: Change | None = None
        self._of_last = 0

    @property
    def sent(self) -> tuple[int, int]:
        """Return how many of the changes have been sent, and how many there are."""
        # Looked for when somebody asks: to count them on the way takes longer.
        places = (place for place, each in enumerate(self._changes) if each is self._last)
        place = next(places, None)
        sent = 0 if place is None else self._before[place] + self._of_last
        return sent, self._before[-1]

    @cached_property
    def _before(self) -> list[int]:
        """Return how many changes there are before each, and in all: a service's may be one."""
        counts = (len(it.after) if in_columns(it.after) else 1 for it in self._changes)
        return list(accumulate(counts, initial=0))

    def execute(self) -> None:
        """Carry them out; raise KernelError at the first refused one."""
        for packed, run in groupby(self._changes, key=ipvs_batch.takes):
            if packed:
                ipvs_batch.execute(self._sockets.ipvs, list(run), self._sent)
            else:
                for change in run:
                    self._execute(change)

    def attempt(self) -> list[LvsdrError]:
        """Carry them out as far as possible; return the errors of the others."""
        refused: list[LvsdrError] = []
        for packed, run in groupby(self._changes, key=ipvs_batch.takes):
            for some in [list(run)] if packed else ([change] for change in run):
                try:
                    if packed:
                        refused += ipvs_batch.attempt(self._sockets.ipvs, some, self._sent)
                    else:
                        self._execute(some[0])
                except LvsdrError as error:
                    refused.append(error)
        return refused

    def _execute(self, change: Change) -> None:
        self._one(change)
        self._sent(change, 1)

    def _sent(self, change: Change, count: int) -> None:
        self._last, self._of_last = change, count
