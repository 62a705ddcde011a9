"""What was read from the FIFO and is neither written down nor told yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lvsdr.errors import LvsdrError
from lvsdr.keepalived.vrrp_states import MASTER, Notice, from_line


@dataclass(slots=True)
class Heard:
    """The lines, and the last `notices` of each instance in their order; `name` alone counts.

    `more` gives lines that have come in the meantime; `leads`: what is carried out is MASTER.
    """

    name: str | None
    more: Callable[[], list[str]]
    notices: dict[str, Notice] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    failures: list[LvsdrError] = field(default_factory=list)
    leads: bool = False

    def take(self, lines: Iterable[str]) -> None:
        """Understand `lines`; what cannot be understood is one of the `failures`."""
        for line in lines:
            self.lines.append(line)
            try:
                notice = from_line(line)
            except LvsdrError as failure:
                self.failures.append(failure)
                continue
            if notice is not None and self.counts(notice.key):
                # Moved to the end: of two instances, the one that spoke last comes last.
                self.notices.pop(notice.key, None)
                self.notices[notice.key] = notice

    def counts(self, key: str) -> bool:
        """Return whether an instance or group is one that counts."""
        return self.name in (None, noticed(key, "").name)

    def look(self) -> None:
        """Take what has come in the meantime."""
        self.take(self.more())

    def overtaken(self) -> bool:
        """Return whether something newer was said than is carried out, and the opposite of it."""
        self.look()
        states = [each.state for each in self.notices.values()]
        return bool(states) and (states[-1] == MASTER) != self.leads

    def assume(self, state: str, keys: Iterable[str]) -> None:
        """Take it that `keys` are in a state, and were before anything was said."""
        assumed = {key: noticed(key, state) for key in keys if key not in self.notices}
        self.notices = assumed | self.notices

    def told(self) -> tuple[list[str], list[LvsdrError]]:
        """Return lines and failures that have to be told, once."""
        lines, failures = self.lines, self.failures
        self.lines, self.failures = [], []
        return lines, failures


def noticed(key: str, state: str) -> Notice:
    """Return the notice that says `state` of the instance or group of which `key` is the key."""
    kind, _, name = key.partition(" ")
    return Notice(kind, name, state)
