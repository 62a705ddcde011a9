"""How wide lines for people may be, and breaking those that are wider between words."""

from __future__ import annotations

import os
import sys

USUAL = 80
# Narrower than this, nothing is gained by breaking lines.
LEAST = 40
# What is typed as it is printed stays in one piece: it could not be copied otherwise.
TYPED = ("  hint: ", "# ")


def page_width() -> int | None:
    """Return how many columns there are: as COLUMNS says, or the terminal; None if neither does."""
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and len(said) < 6:
        return max(int(said), LEAST)
    try:
        return max(os.get_terminal_size(sys.stdout.fileno()).columns, LEAST)
    except (OSError, ValueError):
        # A file or a pipe, or no file at all.
        return None


def broken(line: str, width: int | None) -> str:
    """Return a line with breaks between words where it is wider than `width`."""
    if width is None or len(line) <= width or line.startswith(TYPED):
        return line
    indent = " " * (len(line) - len(line.lstrip(" ")) + 4)
    lines, rest = [], line
    while len(rest) > width:
        # What has no space there is wider than the page, and ends at the next one.
        at = rest.rfind(" ", len(indent), width + 1)
        at = at if at > 0 else rest.find(" ", width)
        if at < 0:
            break
        lines.append(rest[:at].rstrip(" "))
        rest = indent + rest[at + 1 :].lstrip(" ")
    return "\n".join((*lines, rest))
