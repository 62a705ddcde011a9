"""Whether the IPVS table takes more connections, and whether its counters move."""

from __future__ import annotations

from pathlib import Path

from lvsdr.kernel.kernel_errors import reading
from lvsdr.kernel.tables.sysctls import value_of
from lvsdr.model.table_state import CONN_MAX, EST_CPULIST, RUN_ESTIMATION, TableState

# Of the thread, which may be in another network namespace than the process.
_STATUS = Path("/proc/thread-self/net/ip_vs_status")


def table_state(status: Path = _STATUS) -> TableState:
    """Return the state of the table; a kernel before Linux 7 limits no connections."""
    limit = value_of(CONN_MAX)
    return TableState(
        None if limit is None else _connections(status),
        None if limit is None else int(limit),
        _stopped(),
    )


def _connections(status: Path) -> int | None:
    with reading("how many connections IPVS has"):
        try:
            lines = status.read_text(encoding="ascii").splitlines()
        except PermissionError:
            # The rest of the table needs CAP_NET_ADMIN; this file belongs to root, and nobody else
            # may read it.
            return None
    numbers = (line.partition(":")[2] for line in lines if line.startswith("Conns:"))
    return next(map(int, numbers), None)


def _stopped() -> str:
    if value_of(RUN_ESTIMATION) == "0":
        return f"{RUN_ESTIMATION} is 0"
    # Without processors of its own the kernel shows those that it may run on: never none.
    return f"{EST_CPULIST} is empty" if value_of(EST_CPULIST) == "" else ""
