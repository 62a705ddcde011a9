"""Signals that ask lvsdr to stop: an exception, once, and only where stopping can be undone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from lvsdr.errors import Interrupted

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def raising() -> Iterator[None]:
    """Raise Interrupted inside the block at the first signal that asks to stop.

    Outside the main thread signals are not ours to handle, and nothing is done.
    """
    # What nohup ignores stays ignored.
    asking = [each for each in STOPPING if signal.getsignal(each) is not signal.SIG_IGN]
    before = {} if _elsewhere() else {each: signal.signal(each, _interrupt) for each in asking}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def deafen() -> None:
    """Let no signal but SIGKILL stop us until the end of `raising`: what is begun has to end."""
    if _elsewhere():
        return
    # One that comes while we are at it has been heard too late; its handler has deafened us.
    with suppress(Interrupted):
        _ignore()


def _ignore() -> None:
    for number in STOPPING:
        # What listens otherwise, as where lvsdr is a library, is not ours to silence.
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # A second one must not break the undoing of what the first has stopped.
    _ignore()
    raise Interrupted(f"interrupted by {signal.Signals(number).name}")


def _elsewhere() -> bool:
    return threading.current_thread() is not threading.main_thread()
