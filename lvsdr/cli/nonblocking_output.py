"""Printing for who has better things to do than to wait until somebody reads."""

from __future__ import annotations

import os
import select
import sys
from typing import TextIO

from lvsdr.cli.journal_priorities import NOTICE, priority
from lvsdr.model.printable import printable

# What a pipe takes at once where poll(2) says that it takes any.
AT_ONCE = select.PIPE_BUF
# How much is kept for who reads late, in bytes.
MOST = 1 << 20
# Who reads at all has emptied a pipe by then, in milliseconds.
PATIENCE = 10


class NonblockingOutput:
    """Lines for standard output, or for standard error, written as far as it takes them at once."""

    def __init__(self, *, errors: bool = False) -> None:
        self._errors = errors
        self._rest = bytearray()
        self._left_out = 0

    def say(self, *lines: str, severity: str = NOTICE) -> None:
        """Keep lines of a severity until `flush`, where there is room for them."""
        before = priority(severity, self._stream)
        for line in lines:
            if len(self._rest) < MOST:
                self._rest += f"{before}{printable(line)}\n".encode(errors="backslashreplace")
            else:
                self._left_out += 1

    def flush(self) -> int:
        """Write what is taken at once; return how many lines were left out before, once all is.

        Raises OSError, and forgets the lines then.
        """
        stream = self._stream
        try:
            while self._rest and _takes(stream):
                del self._rest[: _written(stream, bytes(self._rest[:AT_ONCE]))]
        except OSError:
            self._rest.clear()
            raise
        if self._rest:
            return 0
        left_out, self._left_out = self._left_out, 0
        return left_out

    def end(self) -> int:
        """Write what is taken at once; return how many lines nobody has read."""
        return self.flush() or self._left_out + self._rest.count(b"\n")

    @property
    def _stream(self) -> TextIO:
        # Looked up late, for it may be another one by now.
        return sys.stderr if self._errors else sys.stdout


def _descriptor(stream: TextIO) -> int | None:
    """Return a stream's descriptor; None where it is an object of Python's alone."""
    try:
        return stream.fileno()
    except (AttributeError, ValueError):
        return None


def _takes(stream: TextIO) -> bool:
    descriptor = _descriptor(stream)
    if descriptor is None:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    # An error is told by the write.
    return bool(poll.poll(PATIENCE))


def _written(stream: TextIO, text: bytes) -> int:
    descriptor = _descriptor(stream)
    if descriptor is not None:
        return os.write(descriptor, text)
    import click

    click.echo(text.decode(errors="replace"), stream, nl=False)
    return len(text)
