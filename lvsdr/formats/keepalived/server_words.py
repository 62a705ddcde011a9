"""Numbers, times and switches as keepalived takes them from a line, wrong ones included.

Measured with keepalived 2.2.7: of a number it takes the digits at its beginning, with a warning
about what follows; a time with a letter behind it becomes microseconds, so that it is taken for
none here.
"""

from __future__ import annotations

import re

from lvsdr.formats.keepalived.conf_syntax import Block

DIGITS = re.compile(r"\+?([0-9]{1,15})")
DECIMAL = re.compile(r"\+?[0-9]{1,12}(?:\.[0-9]{0,12})?|\+?\.[0-9]{1,12}")
MOST_WEIGHT = 2147483647
NO = frozenset({"false", "off", "no"})
YES = frozenset({"true", "on", "yes"})


def loose_number(text: str, most: int) -> int | None:
    """Return what keepalived makes of a number with anything behind it; None beyond the range."""
    if text.startswith("-"):
        return None
    found = DIGITS.match(text)
    number = int(found[1]) if found else 0
    return number if number <= most else None


def number(text: str, least: int, most: int) -> int | None:
    """Return a number that is one, within its range; None for any other."""
    found = DIGITS.fullmatch(text)
    return int(found[1]) if found and least <= int(found[1]) <= most else None


def seconds_of(text: str) -> float | None:
    """Return a time in seconds, more than none; None for what is no time."""
    found = float(text) if DECIMAL.fullmatch(text) else 0.0
    return found if found > 0 else None


def switch(text: str) -> bool | None:
    """Return a yes or no, yes where nothing is said; None for what is neither."""
    if text in YES or not text:
        return True
    return False if text in NO else None


def last(block: Block, name: str) -> str:
    """Return the first word of the last line of that name, which counts; "" without one."""
    line = block.last(name)
    return line.word if line else ""
