"""What else there is to know of the IPVS table: whether it has room, whether its counters move."""

from __future__ import annotations

from lvsdr.model.late_dataclasses import dataclass

CONN_MAX = "net/ipv4/vs/conn_max"
RUN_ESTIMATION = "net/ipv4/vs/run_estimation"
EST_CPULIST = "net/ipv4/vs/est_cpulist"
# The kernel's own limit is where memory ends.
NO_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class TableState:
    """How many connections IPVS has, of how many it takes, and why its counters stand still.

    `connections` count the templates of persistent clients as well; they are None where the kernel
    does not say. `limit` is None where it has none, as before Linux 7. `stopped` is empty while the
    counters move.
    """

    connections: int | None = None
    limit: int | None = None
    stopped: str = ""

    @property
    def full(self) -> bool:
        """Return whether no new connection has a place, but for one that has just ended."""
        return self._filled(99)

    @property
    def nearly_full(self) -> bool:
        """Return whether there is no room for a tenth more."""
        return self._filled(90)

    def _filled(self, percent: int) -> bool:
        if self.connections is None or self.limit is None:
            return False
        return self.connections * 100 >= self.limit * percent

    @property
    def lines(self) -> tuple[str, ...]:
        """Return what people have to know of it."""
        room = () if self.limit in (None, NO_LIMIT) else (f"{self.room}: {CONN_MAX}",)
        still = (f"the counters stand still: {self.stopped}",) if self.stopped else ()
        return room + still

    @property
    def room(self) -> str:
        """Return how many connections there are, of how many."""
        there = "" if self.connections is None else f"{self.connections} "
        return f"{there}connections of at most {self.limit}"
