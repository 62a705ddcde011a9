"""Limit repeated events: the first of each kind is reported at once, the others are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lvsdr.model.finding import ERROR, WARNING
from lvsdr.model.late_dataclasses import dataclass, replace
from lvsdr.model.watch_event import Event

EVERY = 60.0
# One host that floods must fill neither the disk nor the memory of who watches it.
MOST = 100
KNOWN = 1000
# Whoever floods invents MACs without number: they must not hide what a known host does.
MOST_OF_ONE = 10


@dataclass(slots=True)
class _Kind:
    last: Event
    more: int = 0


class EventRateLimiter:
    """Pass the first event of each kind, and report a count of the others every `EVERY` seconds.

    Events of the same rule, VIP, MAC and form are of one kind. A kind without an event for `EVERY`
    seconds is new again. At most `MOST` new kinds pass in that time, and beside them `MOST_OF_ONE`
    of each real server and of the link; the rest are counted.
    """

    def __init__(self, now: float) -> None:
        self._start = now
        self._kinds: dict[tuple[object, ...], _Kind] = {}
        self._own = Counter[object]()
        self._passed = 0
        self._left_out = 0
        self._severity = WARNING

    def take(self, event: Event) -> Event | None:
        """Return the event if it is to be reported now, None if it is only counted."""
        kind = event.rule, event.vip, event.mac, event.form
        if kind in self._kinds:
            self._kinds[kind].more += 1
            self._kinds[kind].last = event
            return None
        subject = _subject(event)
        if subject is not None and self._own[subject] < MOST_OF_ONE:
            self._own[subject] += 1
        elif self._passed < MOST and len(self._kinds) < KNOWN:
            self._passed += 1
        else:
            self._left_out += 1
            self._severity = ERROR if event.severity == ERROR else self._severity
            return None
        self._kinds[kind] = _Kind(event)
        return event

    def due(self, now: float) -> Iterator[Event]:
        """Yield the counts, if `EVERY` seconds have passed."""
        if now - self._start >= EVERY:
            yield from self.rest()
            self._start = now

    def rest(self) -> Iterator[Event]:
        """Yield the counts since the last report."""
        for kind in self._kinds.values():
            if kind.more:
                message = f"{kind.last.message} ({kind.more} times more)"
                yield replace(kind.last, message=message, count=kind.more)
        if self._left_out:
            message = f"{self._left_out} more of other hosts or VIPs: too many to tell apart"
            look = "who floods the segment: tcpdump -e arp or icmp6"
            yield Event("TOO-MANY", self._severity, message, count=self._left_out, look=look)
        self._kinds = {key: _Kind(kind.last) for key, kind in self._kinds.items() if kind.more}
        self._own = Counter(_subject(kind.last) for kind in self._kinds.values())
        self._passed, self._left_out, self._severity = 0, 0, WARNING


def _subject(event: Event) -> object:
    """Return the real server that an event is about, or the rule of one about the link."""
    return event.rip or (event.rule if event.vip is None else None)
