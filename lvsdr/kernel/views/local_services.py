"""Check services of this host itself, as a director's that is its own real server.

IPVS hands a packet for a local real server to the host's own sockets: nothing goes out that could
be answered, so the kernel is asked whether something listens there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from lvsdr.kernel.netlink.listening_sockets import (
    ANY4,
    ANY6,
    PROTOCOLS,
    Listening,
    ListeningSockets,
)
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.health import CheckResult
from lvsdr.model.path import Path


class LocalChecker(Closing):
    """Check the paths that end at this host, by their numbers; each answer is known at once.

    Of SCTP, and where no single port is known, nothing can be asked: these serve.
    """

    def __init__(self, checked: Iterable[tuple[int, Path]]) -> None:
        self._paths = dict(checked)
        self._sockets = ListeningSockets()
        self._results: list[CheckResult] = []

    def close(self) -> None:
        """Give back what was opened."""
        self._sockets.close()

    def filenos(self) -> Sequence[int]:
        """Return nothing: no answer is waited for."""
        return ()

    def due(self) -> float | None:
        """Return since when there are results, None where there are none."""
        return self._results[0].at if self._results else None

    def begin(self, numbers: Iterable[int], now: float, *, doubtful: Collection[int] = ()) -> None:
        """Check each of `numbers`; `doubtful` ones no better than others.

        A kernel that does not say who listens proves nothing: then they have no result.
        """
        del doubtful
        known: dict[str, set[Listening]] = {}
        for number in numbers:
            path = self._paths[number]
            protocol = path.transport
            if protocol not in PROTOCOLS or not path.port:
                self._results.append(CheckResult(number, True, began=now, at=now))
                continue
            if protocol not in known:
                try:
                    known[protocol] = self._sockets.listening(protocol)
                except OSError:
                    self._reopen()
                    return
            address = path.vip if path.vip is not None and path.sees_vip else path.rip
            wildcard = ANY4 if address.version == 4 else ANY6
            ok = not known[protocol].isdisjoint({(address, path.port), (wildcard, path.port)})
            why = "" if ok else f"nothing listens on {address}, port {path.port}"
            self._results.append(CheckResult(number, ok, why, began=now, at=now))

    def _reopen(self) -> None:
        """Start afresh: half an answer may be waiting."""
        self._sockets.close()
        self._sockets = ListeningSockets()

    def void(self) -> None:
        """Let what was begun have no result."""
        self._results.clear()

    def results(self, now: float) -> Sequence[CheckResult]:
        """Return the results of what was begun."""
        del now
        found, self._results = self._results, []
        return found
