"""Following the FIFO: each line in its order, of states that came together the last alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lvsdr.errors import LvsdrError
from lvsdr.keepalived import birth
from lvsdr.keepalived.hook import Outcome, follow
from lvsdr.keepalived.notice import Notice, from_line
from lvsdr.keepalived.transition import Host, Roles


@dataclass(frozen=True, slots=True)
class Following:
    """What is done with the lines; `roles` reads the profiles afresh, for they may have changed.

    `name` is the one instance or group that counts; None: each does.
    """

    roles: Callable[[], Roles]
    timeout: float
    name: str | None
    outcome: Callable[[Outcome], None]
    line: Callable[[str], None]
    failed: Callable[[LvsdrError], None]

    def take(self, lines: Iterable[str], host: Host) -> None:
        """Carry out what `lines` say; a failure is told, and the next line is taken."""
        newest: dict[str, Notice] = {}
        for line in lines:
            notice = self._understood(line)
            if notice is not None:
                # Moved to the end: of two instances, the one that spoke last comes last.
                newest.pop(notice.key, None)
                newest[notice.key] = notice
        for notice in newest.values():
            self._follow(notice, host)

    def _understood(self, line: str) -> Notice | None:
        self.line(line)
        try:
            notice = from_line(line)
        except LvsdrError as failure:
            self.failed(failure)
            return None
        if notice is None or self.name not in (None, notice.name):
            return None
        return notice

    def _follow(self, notice: Notice, host: Host) -> None:
        try:
            done = follow(notice, birth.now(), self.roles(), host, self.timeout)
        except LvsdrError as failure:
            # Half an answer may be waiting in its sockets.
            host.kernel.reopen()
            self.failed(failure)
        else:
            self.outcome(done)
