"""One line of keepalived.conf: its comment, its braces, and where it is too long.

Measured with keepalived 2.2.7, 2.3.3 and 2.3.4, which read alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# What separates words; no others do, those of Unicode least of all.
BLANKS = " \t\f\n\r\v"
# keepalived takes so many bytes of a line, and the rest as if it were another one.
LONGEST = 1023
MARKS = re.compile(r"\\(.?)|[\"!#]", re.DOTALL)
BRACE_OR_QUOTED = re.compile(r"\"[^\"]*(?:\"|$)|[{}]")


def pieces_of(line: str) -> Iterator[str]:
    """Yield a line as keepalived takes it from the file: without its end, cut where too long."""
    line = line.rstrip("\r") if len(line) <= LONGEST else line
    if len(line) <= LONGEST and (line.isascii() or len(line.encode()) <= LONGEST):
        yield line
        return
    data = line.encode("utf-8", "surrogateescape")
    for start in range(0, len(data), LONGEST):
        yield data[start : start + LONGEST].decode("utf-8", "replace").rstrip("\r")


def uncommented(line: str) -> str:
    """Return a line without the blanks around it and its comment, which `!` or `#` begins.

    It begins within a word, too. Double quotes keep it from that, single ones do not, and a
    backslash does, which goes then. One at the end of the line stays, of a comment as well.
    """
    line = line.strip(" \t")
    if not MARKS.search(line):
        return line
    text, begun, quoted, goes_on = "", 0, False, False
    end: int | None = None
    for found in MARKS.finditer(line):
        if found[0] == "\\":
            goes_on = True
        elif found[0] == '"':
            quoted = quoted != (end is None)
        elif found[0] in ("!", "#") and not quoted and end is None:
            end = found.start()
        elif found[0] in ("\\!", "\\#") and not quoted and end is None:
            text, begun = text + line[begun : found.start()], found.start() + 1
    last = len(line) - goes_on if end is None else end
    return (text + line[begun:last]).rstrip(" \t") + ("\\" if goes_on else "")


def at_braces(line: str) -> Iterator[str]:
    """Yield a line cut at its braces, each of which is a line of its own, within a word too."""
    if "{" not in line and "}" not in line:
        yield line
        return
    rest: str | None = line
    while rest is not None:
        text, rest = cut_at_brace(rest)
        yield text


def cut_at_brace(line: str) -> tuple[str, str | None]:
    """Return a line up to its first brace, or that where it begins with one, and the rest."""
    if line[:1] in ("{", "}"):
        rest = line[1:].lstrip(" \t")
        return line[0], rest or None
    for found in BRACE_OR_QUOTED.finditer(line):
        if found[0] in ("{", "}"):
            return line[: found.start()].rstrip(" \t"), line[found.start() :]
    return line, None
