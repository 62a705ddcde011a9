"""Printing for who has better things to do than to wait until somebody reads."""

from __future__ import annotations

import os
import select
import sys

import click

# What a pipe takes at once where poll(2) says that it takes any.
AT_ONCE = select.PIPE_BUF
# How much is kept for who reads late, in bytes.
MOST = 1 << 20


class Outlet:
    """Lines for standard output, which are written as far as it takes them at once.

    `left_out` lines were said while nobody had read the ones before them for long.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self.left_out = 0

    def say(self, line: str) -> None:
        """Keep a line until `flush`, where there is room for it."""
        if len(self._rest) < MOST:
            self._rest += f"{line}\n".encode(errors="backslashreplace")
        else:
            self.left_out += 1

    def flush(self) -> int:
        """Write what is taken at once; return how many lines were left out before, once all is.

        Raises OSError, and forgets the lines then.
        """
        try:
            descriptor = _descriptor()
            while self._rest and _takes(descriptor):
                del self._rest[: _written(descriptor, bytes(self._rest[:AT_ONCE]))]
        except OSError:
            self._rest.clear()
            raise
        if self._rest:
            return 0
        left_out, self.left_out = self.left_out, 0
        return left_out


def _descriptor() -> int | None:
    """Return that of standard output; None where it is an object of Python's alone."""
    try:
        return sys.stdout.fileno()
    except (AttributeError, ValueError):
        return None


def _takes(descriptor: int | None) -> bool:
    if descriptor is None:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    # An error is told by the write.
    return bool(poll.poll(0))


def _written(descriptor: int | None, text: bytes) -> int:
    if descriptor is not None:
        return os.write(descriptor, text)
    click.echo(text.decode(errors="replace"), nl=False)
    return len(text)
