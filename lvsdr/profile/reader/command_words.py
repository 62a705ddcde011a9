"""A command in a profile: a program and its arguments, for no shell to read."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.profile.reader.refusal import misfit
from lvsdr.profile.reader.wording import Pointer, shown

# What somebody might run there, by the name of the field.
_EXAMPLES = {
    "command": '["/usr/local/bin/check-web", "--fast"]',
    "on_change": '["/usr/local/bin/tell-the-pager"]',
}


def command_words(words: Iterable[str], where: Pointer) -> tuple[str, ...]:
    """Return the words of a command, which are one at least; raise Refusal."""
    found = tuple(words)
    program = found[0]
    if not program.startswith("/") or program.endswith("/"):
        raise misfit(
            where,
            f"{shown(program)} is not the absolute path of a program",
            "no shell reads it: write the program and each argument by itself, for example"
            f" {_EXAMPLES[str(where[-1])]}",
        )
    return found
