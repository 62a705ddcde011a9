"""The process of a hook: its umask, the signals that end it, and output that nobody reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from types import FrameType
from typing import Protocol

from lvsdr.cli.nonblocking_output import NonblockingOutput
from lvsdr.cli.session import Session
from lvsdr.core import signals


@contextmanager
def modest_umask() -> Iterator[None]:
    """Let files and folders be what lvsdr makes them: keepalived's hooks have the umask 0177."""
    before = os.umask(0o027)
    try:
        yield
    finally:
        os.umask(before)


def room_for_descriptors() -> None:
    """Let this process open as many files as it may: the usual limit is for select(2).

    Checks take more than sixty for each link and kind of check.
    """
    _, most = getrlimit(RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        setrlimit(RLIMIT_NOFILE, (most, most))


@contextmanager
def ended_by_signals() -> Iterator[int]:
    """Give a descriptor that can be read once a signal has asked us to end.

    A transition that is under way is finished first: it takes milliseconds.
    """
    readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def ask(_number: int, _frame: FrameType | None) -> None:
        with suppress(BlockingIOError):
            os.write(writable, b"!")

    try:
        with signals.handled(ask):
            yield readable
    finally:
        os.close(readable)
        os.close(writable)


class Say(Protocol):
    """Prints lines; the journal is told of what `severity` they are."""

    def __call__(self, *lines: str, severity: str = ...) -> None: ...


@contextmanager
def unhurried_output(session: Session) -> Iterator[tuple[Say, Callable[[], None]]]:
    """Give what prints a line, and what writes all that was printed or complained about.

    Only as far as somebody reads it: a transition does not wait for people.
    """
    out, err = NonblockingOutput(), NonblockingOutput(errors=True)
    before, session.complain = session.complain, err.say

    def write(done: Callable[[NonblockingOutput], int]) -> None:
        session.at_rest()
        try:
            left_out = done(out)
        except OSError as error:
            session.unheard(error)
        else:
            session.tell([f"{left_out} lines left out: nobody read them"] if left_out else [])
        # Whoever closed stderr does not want to know.
        with suppress(OSError):
            done(err)

    try:
        yield out.say, lambda: write(NonblockingOutput.flush)
    finally:
        write(NonblockingOutput.end)
        session.complain = before
