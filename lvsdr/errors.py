"""Every error that lvsdr raises on purpose, ordered by the state in which it leaves the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar


class LvsdrError(Exception):
    """Stop the command with one message, notes on what became of the host, and hints to type.

    `message` reads `cannot VERB OBJECT: reason (ERRNO)`: lower case, no full stop.
    """

    exit_code: ClassVar[int]
    others: Sequence[LvsdrError] = ()
    """Errors that were found beside it, each with its own message and hints."""

    def __init__(
        self, message: str, *, notes: Iterable[str] = (), hints: Iterable[str] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.notes = list(notes)
        self.hints = list(hints)


# The host was not touched.


class ProfileError(LvsdrError):
    """A profile, or the way lvsdr was called, is wrong."""

    exit_code = 2


class CannotRun(LvsdrError):
    """The host cannot do it: a privilege, a link or a kernel feature is missing, or a lock held."""

    exit_code = 6


class LockHeld(CannotRun):
    """Another lvsdr is at work."""


class NoCarrier(CannotRun):
    """Nobody on the segment can be asked: the link has no carrier, or is down."""


# All that was done has been undone.


class KernelError(LvsdrError):
    """The kernel refused a change; `errno` is its reason, a positive number."""

    exit_code = 3

    def __init__(
        self, message: str, *, errno: int, notes: Iterable[str] = (), hints: Iterable[str] = ()
    ) -> None:
        super().__init__(message, notes=notes, hints=hints)
        self.errno = errno


class Interrupted(LvsdrError, KeyboardInterrupt):
    """A signal asked lvsdr to stop before it was done.

    A KeyboardInterrupt too, because asyncio, inside pyroute2, swallows all else.
    """

    exit_code = 3


class NotConverged(LvsdrError):
    """The kernel took every change, and the host still differs from the profile."""

    exit_code = 4


# Undoing failed too.


class Stuck(LvsdrError):
    """Undoing failed: the notes list what is stuck, and a person has to look."""

    exit_code = 5


# The notes say what is known of the host.


class InternalError(LvsdrError):
    """lvsdr itself is wrong: an exception came up that nobody raised on purpose."""

    exit_code = 7
