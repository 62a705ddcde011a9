"""The program that a profile names under on_change: run for each change, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lvsdr.core.draining import service_option
from lvsdr.errors import CannotRun
from lvsdr.keeper.child_processes import ChildProcesses
from lvsdr.model.address import endpoint
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.finding import WARNING
from lvsdr.model.health_event import HealthEvent

# How long it may take, in seconds, and how many changes may wait for it.
LONGEST, MOST = 30.0, 1000
_STATES = {"DOWN": "down", "UP": "up", "ALL-DOWN": "down", "ALL-UP": "up"}


class ChangeProgram(Closing):
    """Runs a program for each change that it is told of; `tell` gets what goes wrong.

    It gets four arguments more than the profile names: real-server or service; the service as
    PROTOCOL:VIP:PORT or fwmark:N; RIP:PORT, or - for a service; up or down. And for a real server
    that is down a fifth, why.
    """

    def __init__(self, tell: Callable[[HealthEvent], None]) -> None:
        self._tell = tell
        self._words: tuple[str, ...] = ()
        # One at a time: the last word on a real server is the last that is heard.
        self._children = ChildProcesses(at_once=1)
        self._failing = False

    def use(self, words: tuple[str, ...]) -> None:
        """Run `words` from now on; nothing where they are none."""
        self._words = words

    def run(self, event: HealthEvent, now: float) -> None:
        """Run it for an event, if that is a change."""
        state = _STATES.get(event.kind)
        if state is None or not self._words or event.service is None:
            return
        if self._children.waiting >= MOST:
            self._fails(event, f"{MOST} changes wait for it: this one is left out")
            return
        words = (*self._words, *_arguments(event, state))
        try:
            self._children.start(event, words, LONGEST, now)
        except CannotRun as refused:
            self._fails(event, refused.message)

    def filenos(self) -> Sequence[int]:
        """Return what can be read once it has ended."""
        return self._children.filenos()

    def due(self) -> float | None:
        """Return when it has run for too long."""
        return self._children.due()

    def turn(self, now: float) -> None:
        """Take note of how it ended, and run it for the next change."""
        for ended in self._children.ended(now):
            assert isinstance(ended.token, HealthEvent), "tokens are events here"
            if ended.code == 0:
                self._failing = False
            elif ended.refused:
                self._fails(ended.token, ended.refused)
            elif ended.late:
                self._fails(ended.token, f"it took longer than {LONGEST:.0f} s, and was killed")
            elif ended.code is None:
                self._fails(ended.token, "a signal has ended it")
            else:
                self._fails(ended.token, f"it says {ended.code}")

    def close(self) -> None:
        """Kill what still runs."""
        self._children.close()

    def _fails(self, event: HealthEvent, why: str) -> None:
        # Once, until it succeeds again: it may be called often.
        if not self._failing:
            self._failing = True
            message = f"on_change {self._words[0]} has failed: {why}"
            self._tell(HealthEvent("PROGRAM", WARNING, event.profile, message))


def _arguments(event: HealthEvent, state: str) -> tuple[str, ...]:
    assert event.service is not None, "only changes of services are run for"
    service = service_option(event.service)
    if event.rip is None:
        return "service", service, "-", state
    place = endpoint(event.rip, event.port)
    return "real-server", service, place, state, *([event.why] if event.why else [])
