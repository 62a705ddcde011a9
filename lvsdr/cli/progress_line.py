"""A line on the terminal that says what is being done, for people who have waited a second.

A timer's signal draws it, between two steps of Python in the main thread. What the kernel is asked
meanwhile goes on by itself (PEP 475), no other thread has to follow into a network namespace, and
what ends before the first second costs two system calls. Before anything else is printed, the line
is gone.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lvsdr.cli import plain_output
from lvsdr.cli.asked_format import asked_for
from lvsdr.cli.stopwatch import timed

if TYPE_CHECKING:
    from lvsdr.cli.session import Session
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.kernel.linux import LinuxKernel

# Seconds until it is drawn first, and between one drawing and the next.
AFTER, EVERY = 1.0, 0.5
# ECMA-48: erase the line from the cursor on.
ERASE = "\x1b[K"
GONE = f"\r{ERASE}"
BAR = 20
# By the phases of lvsdr.cli.stopwatch.
DOING = {
    "observe": "looking at this host",
    "plan": "working out what differs",
    "execute": "changing this host",
    "check": "looking at this host again",
    "rest": "writing the record",
}
UNDOING = "undoing what was done"


class ProgressLine:
    """What is drawn on stderr, which is a terminal, while a session does what it says it does."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._kernel: LinuxKernel | None = None
        self._start = time.monotonic()
        self._due = self._start + AFTER
        self._hidden, self._drawn, self._changed, self._ended = 0, False, False, False
        self._terminal = -1

    def begin(self) -> None:
        """Let it be drawn from the first second on; call it in the main thread."""
        self._terminal = sys.stderr.fileno()
        plain_output.fleeting.append(self)
        self._before = signal.signal(signal.SIGALRM, self._tick)
        signal.setitimer(signal.ITIMER_REAL, AFTER)

    def end(self) -> None:
        """Let it be gone, and not come back."""
        self._ended = True
        # Before the handler goes: without one the signal would end the program.
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)
        self.hide()
        plain_output.fleeting.remove(self)

    def hide(self, *, patiently: bool = False) -> None:
        """Take it away until `resume`, for something else is printed.

        A terminal that somebody has stopped is waited for where told to, and else left as it is.
        """
        # In this order: the signal may come between the two.
        self._hidden += 1
        if self._drawn and (patiently or self._may_draw()):
            self._drawn = False
            with suppress(OSError):
                os.write(self._terminal, GONE.encode())

    def resume(self) -> None:
        """Let it be drawn again, once nothing has been printed for a second."""
        self._due = time.monotonic() + AFTER
        self._hidden -= 1

    @contextmanager
    def watching(self, kernel: LinuxKernel) -> Iterator[Kernel]:
        """Give the kernel; while one of its verbs works, that is what is being done."""
        self._kernel, before = kernel, self.session.doing
        try:
            with timed(kernel, self) as watched:
                yield watched
        finally:
            self.session.doing = before

    def turn(self, phase: str) -> str:
        """Say from now on what is done in a phase; return what was said until now."""
        before = self.session.doing
        if self.session.share is None:
            # What says how far it is says what it is, too.
            self.session.doing = DOING[phase]
        return before

    @contextmanager
    def running(self, phase: str) -> Iterator[None]:
        """Say what is done in a phase while the block does it."""
        before = self.turn(phase)
        if phase == "execute":
            # A plan is carried out once; what comes after it is the way back.
            if self._changed:
                self.session.doing = UNDOING
            self._changed = True
        try:
            yield
        finally:
            self.session.doing = before

    def _tick(self, *_: object) -> None:
        if self._ended:
            return
        # Whatever it interrupts must not notice: it draws, or it does not.
        with suppress(OSError, ValueError):
            if not self._hidden and time.monotonic() >= self._due and self._may_draw():
                columns = os.get_terminal_size(self._terminal).columns or 80
                text = self.text[: columns - 1]
                self._drawn = True
                os.write(self._terminal, f"\r{text}{ERASE}".encode())
        # Only now: on a host where this takes long, one would come in the midst of another.
        signal.setitimer(signal.ITIMER_REAL, EVERY)

    def _may_draw(self) -> bool:
        with suppress(OSError):
            # In the background it would stand in the midst of what is typed, or stop us (SIGTTOU).
            if os.tcgetpgrp(self._terminal) != os.getpgrp():
                return False
        # Where somebody has pressed Ctrl-S, a write waits for Ctrl-Q.
        poll = select.poll()
        poll.register(self._terminal, select.POLLOUT)
        return any(event & select.POLLOUT for _, event in poll.poll(0))

    @property
    def text(self) -> str:
        """Return what it says now."""
        seconds = f"({time.monotonic() - self._start:.0f} s)"
        share, counted = self.session.share, ""
        under_way = None if self._kernel is None else self._kernel.under_way
        if under_way is not None and self.session.doing in {DOING["execute"], UNDOING}:
            sent, every = under_way.sent
            share, counted = sent / max(every, 1), f"{sent:,} of {every:,}"
        elif share is not None:
            counted = f"{share:.0%}"
        done = [] if share is None else [_bar(share), counted]
        return " ".join([f"lvsdr: {self.session.doing}", *done, seconds])


def accompany(session: Session, arguments: Sequence[str]) -> None:
    """Let people see what is being done, where their terminal can erase a line."""
    # Whoever reads JSON from a terminal is a program that has made one for us.
    a_program = asked_for(arguments) == "json" and sys.stdout.isatty()
    if not a_program and os.environ.get("TERM", "") not in {"", "dumb"}:
        session.line = ProgressLine(session)
        session.line.begin()


@contextmanager
def bar(session: Session, doing: str) -> Iterator[Callable[[float], None]]:
    """Say what is `doing` while the block does it; the block tells which fraction is done."""
    before = session.doing, session.share

    def tell(fraction: float) -> None:
        session.share = min(1.0, max(0.0, fraction))

    session.doing = doing
    tell(0.0)
    try:
        yield tell
    finally:
        session.doing, session.share = before


def _bar(share: float) -> str:
    full = int(share * BAR)
    return f"[{'#' * full}{'-' * (BAR - full)}]"
