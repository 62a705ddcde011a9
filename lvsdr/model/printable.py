"""Text that may come from a stranger, made safe for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with everything that a terminal would act on as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
