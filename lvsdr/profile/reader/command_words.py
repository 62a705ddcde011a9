"""A command in a profile: a program and its arguments, for no shell to read."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.profile.reader.refusal import misfit
from lvsdr.profile.reader.wording import Pointer, shown


def command_words(words: Iterable[str], where: Pointer) -> tuple[str, ...]:
    """Return the words of a command, which are one at least; raise Refusal."""
    found = tuple(words)
    program = found[0]
    if not program.startswith("/") or program.endswith("/"):
        raise misfit(
            where,
            f"{shown(program)} is not the absolute path of a program",
            "no shell reads it: write the program and each argument by itself, for example"
            ' ["/usr/local/bin/check-web", "--fast"]',
        )
    return found
