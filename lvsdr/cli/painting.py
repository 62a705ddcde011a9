"""Lines for people: safe for a terminal, coloured, and no wider than it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from lvsdr.model.printable import printable
from lvsdr.render.page_width import broken, page_width

COLOURS = {"+": "green", "-": "red", "~": "yellow", "error": "red", "warning": "yellow"}


def painted(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines as they are printed to people."""
    width = page_width()
    for line in lines:
        # First escaped: printable() would take the line breaks for somebody's.
        text = broken(printable(line), width)
        colour = COLOURS.get(text[:1]) or COLOURS.get(text.partition(":")[0])
        yield click.style(text, fg=colour) if colour else text
