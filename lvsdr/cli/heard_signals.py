"""The signals of a resident: heard in its loop, so that nothing that is under way is broken off."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from signal import SIGHUP
from types import FrameType


class Signals:
    """A part of the loop: it wakes up for signals, which end it, or have `hung_up` called."""

    def __init__(self) -> None:
        self._readable, self._writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._hung_up = False
        self.over = False
        self.hung_up: Callable[[], None] = lambda: None

    def heard(self, number: int, _frame: FrameType | None) -> None:
        """Remember a signal; nothing that is under way is broken off."""
        if number == SIGHUP:
            self._hung_up = True
        else:
            self.over = True
        with suppress(BlockingIOError):
            os.write(self._writable, b"!")

    def filenos(self) -> Sequence[int]:
        """Return the descriptor that a signal makes readable."""
        return (self._readable,)

    def due(self) -> float | None:
        """Return nothing: signals come when they like."""
        return None

    def turn(self, now: float) -> None:
        """Do what a signal has asked for."""
        del now
        with suppress(BlockingIOError):
            os.read(self._readable, 4096)
        if self._hung_up:
            self._hung_up = False
            self.hung_up()

    def close(self) -> None:
        """Give back what was opened."""
        os.close(self._readable)
        os.close(self._writable)
