"""Signals that ask lvsdr to stop: an exception, once, and only where stopping can be undone."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from lvsdr.errors import Interrupted

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def handled(
    handler: Callable[[int, FrameType | None], None], numbers: Iterable[int] = STOPPING
) -> Iterator[None]:
    """Let `handler` have the signals `numbers` inside the block.

    Outside the main thread signals are not ours to handle, and nothing is done.
    """
    before = {} if _elsewhere() else {each: signal.signal(each, handler) for each in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def raising() -> Iterator[None]:
    """Raise Interrupted inside the block at the first signal that asks to stop."""
    with handled(_interrupt, _listening()):
        yield


@contextmanager
def noted() -> Iterator[Callable[[], bool]]:
    """Give what tells whether a signal has asked to stop inside the block: nothing is raised.

    For what is to end in an orderly way, and soon looks: an exception in the middle of netlink's
    event loop leaves complaints behind.
    """
    heard: list[int] = []
    with handled(lambda number, _: heard.append(number), _listening()):
        yield lambda: bool(heard)


def _listening() -> list[int]:
    # What nohup ignores stays ignored.
    return [each for each in STOPPING if signal.getsignal(each) is not signal.SIG_IGN]


def ignore_signals() -> None:
    """Let no signal but SIGKILL stop us until the end of `raising`: what is begun has to end."""
    if _elsewhere():
        return
    # One that comes while we are at it has been heard too late; its handler ignores the next.
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
    # Nobody has another thread who has not imported it.
    threading = sys.modules.get("threading")
    return threading is not None and threading.current_thread() is not threading.main_thread()
