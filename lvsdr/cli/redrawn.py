"""One result after another in the same place of a terminal: nothing flickers, nothing scrolls."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from lvsdr.cli.painting import painted
from lvsdr.cli.plain_output import may_colour

if TYPE_CHECKING:
    from lvsdr.cli.session import Session
    from lvsdr.render.results import Result

# ECMA-48: cursor home; erase the line, or all that is below; and DEC's modes for the cursor.
HOME, ERASE_LINE, ERASE_BELOW, ERASE_ALL = "\x1b[H", "\x1b[2K", "\x1b[J", "\x1b[2J"
HIDE_CURSOR, SHOW_CURSOR, PLAIN = "\x1b[?25l", "\x1b[?25h", "\x1b[0m"
# How soon a terminal that has another size by now is drawn anew.
SOON = 0.2


def can_redraw(session: Session) -> bool:
    """Return whether results go to a person's terminal that can move its cursor."""
    able = os.environ.get("TERM", "") not in {"", "dumb"}
    return able and session.format.for_people and sys.stdout.isatty()


class Redrawn:
    """A terminal on which each result is drawn over the last one."""

    def __init__(self, session: Session, every: float) -> None:
        self._session, self._every = session, every
        self._size = _size()

    def draw(self, result: Result, notes: Iterable[str]) -> bool:
        """Show a result, and below it what people have to know of it; whether anybody could see."""
        self._size = _size()
        lines = [
            f"{datetime.now():%Y-%m-%d %H:%M:%S}, every {self._every:g} s until Ctrl-C",
            *self._lines(result),
            *self._told(notes),
        ]
        return self._write(_frame(lines, self._size.lines))

    def rest(self) -> None:
        """Wait until it is time for the next one, or the terminal has another size."""
        end = time.monotonic() + self._every
        while (left := end - time.monotonic()) > 0 and _size() == self._size:
            time.sleep(min(SOON, left))

    def _lines(self, result: Result) -> Iterator[str]:
        shown = self._session.format.output().lines(result)
        for line in painted(shown, coloured=may_colour()):
            yield from line.split("\n")

    def _told(self, notes: Iterable[str]) -> Iterator[str]:
        for line in painted((f"lvsdr: {note}" for note in notes), coloured=False):
            yield from line.split("\n")

    def _write(self, text: str) -> bool:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            self._session.unheard(error)
            return False
        return True


@contextmanager
def redrawn(session: Session, every: float) -> Iterator[Redrawn]:
    """Give a terminal to draw on; afterwards the last result stays, and the cursor is below it."""
    with suppress(OSError):
        sys.stdout.write(f"{HIDE_CURSOR}{ERASE_ALL}")
    try:
        yield Redrawn(session, every)
    finally:
        with suppress(OSError):
            sys.stdout.write(f"{PLAIN}{SHOW_CURSOR}")
            sys.stdout.flush()


def _frame(lines: Sequence[str], rows: int) -> str:
    """Return what draws `lines` over what is there: as many as fit, and how many do not.

    A line is erased before it is written: behind one that is as wide as the terminal it is too
    late.
    """
    room = max(rows - 1, 2)
    shown = list(lines)
    if len(shown) > room:
        shown = [*shown[: room - 1], f"{PLAIN}and {len(shown) - room + 1} more lines"]
    body = "".join(f"{ERASE_LINE}{line}\r\n" for line in shown)
    return f"{HOME}{body}{PLAIN}{ERASE_BELOW}"


def _size() -> os.terminal_size:
    try:
        return os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError):
        return os.terminal_size((80, 24))
