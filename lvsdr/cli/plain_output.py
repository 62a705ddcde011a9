"""Text on stdout and stderr, without click where a stream needs none of what click does."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING

from lvsdr.cli.journal_priorities import ERROR, priority

if TYPE_CHECKING:
    from typing import Protocol

    class Fleeting(Protocol):
        """What stands on the terminal until something is printed."""

        def hide(self, *, patiently: bool) -> None: ...

        def resume(self) -> None: ...


# Each echo is a write of its own, which for fifty thousand lines takes longer than all else.
LINES_AT_ONCE = 500

fleeting: list[Fleeting] = []


def echo(text: str, *, errors: bool = False, color: bool | None = None) -> None:
    """Print a text and flush it, as `click.echo` does; raises OSError.

    click takes away colours where nobody sees them, and writes UTF-8 where Python would ASCII.
    """
    hidden = [*fleeting]
    stream = sys.stderr if errors else sys.stdout
    for each in hidden:
        # On a terminal, the text has to wait as well.
        each.hide(patiently=stream is not None and stream.isatty())
    try:
        _print(text, errors, color)
    finally:
        for each in hidden:
            each.resume()


def _print(text: str, errors: bool, color: bool | None) -> None:
    stream = sys.stderr if errors else sys.stdout
    usual = type(stream) is TextIOWrapper and stream.encoding == "utf-8"
    if usual and ("\x1b" not in text or (color is None and stream.isatty())):
        stream.write(f"{text}\n")
        stream.flush()
        return
    import click

    click.echo(text, err=errors, color=color)


def complain(*lines: str, severity: str = ERROR) -> None:
    """Print lines on stderr, each escaped; the journal is told of what `severity` they are."""
    from lvsdr.model.printable import printable

    before = priority(severity, sys.stderr)
    # Whoever closed stderr does not want to know; the exit code says it too.
    with suppress(OSError):
        for line in lines:
            echo(before + printable(line), errors=True)


def may_colour() -> bool:
    """Return whether the environment lets results be coloured."""
    return "NO_COLOR" not in os.environ
