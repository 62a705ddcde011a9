"""Lines for people: safe for a terminal, coloured, and no wider than it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from lvsdr.cli.plain_output import LINES_AT_ONCE
from lvsdr.model.printable import printable
from lvsdr.render.page_width import broken, page_width
from lvsdr.render.state_line import StateLine

# The numbers of red, green and yellow (ECMA-48, select graphic rendition).
RED, GREEN, YELLOW = 31, 32, 33
COLOURS = {"+": GREEN, "-": RED, "~": YELLOW, "error": RED, "warning": YELLOW, "drift": YELLOW}
STATES = {
    "ok": GREEN,
    "missing": RED,
    "differs": RED,
    "down": RED,
    "drained": YELLOW,
    "foreign": YELLOW,
    "unwanted": YELLOW,
}


def painted(lines: Iterable[str], *, coloured: bool) -> Iterator[str]:
    """Yield lines as they are printed to people."""
    width = page_width()
    if width is None and not coloured:
        # As a program reads it: fifty thousand lines need not be looked at one by one.
        rest = iter(lines)
        while some := list(islice(rest, LINES_AT_ONCE)):
            yield from some if "".join(some).isprintable() else map(printable, some)
        return
    for line in lines:
        # First escaped: printable() would take the line breaks for somebody's.
        text = broken(printable(line), width)
        yield _coloured(text, line) if coloured else text


def _coloured(text: str, line: str) -> str:
    if isinstance(line, StateLine):
        told, colour = printable(line.told), STATES.get(line.state)
        if colour is None or not text.endswith(told):
            return text
        return f"{text[: len(text) - len(told)]}\x1b[{colour}m{told}\x1b[0m"
    colour = COLOURS.get(text[:1]) or COLOURS.get(text.partition(":")[0])
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text
