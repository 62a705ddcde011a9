"""Which format was asked for, where the arguments were not parsed."""

from __future__ import annotations

from collections.abc import Sequence

from lvsdr.render.output_formats import FORMATS


def asked_for(arguments: Sequence[str]) -> str:
    """Return the name of the format in which to tell what went wrong."""
    words = " ".join(arguments).replace("=", " ")
    asked = (name for name, each in FORMATS.items() if each.tells_errors)
    return next((name for name in asked if f"--format {name}" in words), "text")
