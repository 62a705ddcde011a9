"""How what somebody wrote is shown back to them: escaped, shortened, in the words of their file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lvsdr.model.printable import printable

LONGEST = 60
"""Characters of a value that a message repeats; the file has the rest."""

Pointer = tuple[str | int, ...]
"""The steps of a JSON pointer (RFC 6901) from the root to a value."""


def shown(value: object) -> str:
    """Return `value` as a message names it: a string in quotes, a collection by its kind."""
    # Only what is wrong is shown.
    from datetime import date, time  # noqa: PLC0415

    for kind, words in {**WORDS, date: "a date", time: "a time"}.items():
        if isinstance(value, kind):
            return words
    if isinstance(value, str):
        return f"'{_shortened(value)}'"
    return _shortened(json.dumps(value))


def written(value: Any, toml: bool) -> str:
    """Return `value` as it is typed into a profile."""
    if isinstance(value, Mapping) and toml:
        fields = (f"{key} = {written(each, toml)}" for key, each in value.items())
        return "{" + ", ".join(fields) + "}"
    # Lists, strings and numbers are the same in both languages.
    return json.dumps(value)


def pointed(where: Pointer) -> str:
    """Return `where` as a JSON pointer, empty for the whole profile."""
    return "".join(f"/{_step(step)}" for step in where)


def listed(values: Sequence[object]) -> str:
    """Return `values` as a list in a sentence."""
    return ", ".join(shown(value) for value in values)


WORDS: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    type(None): "null",
}


def _step(step: str | int) -> str:
    return _shortened(str(step).replace("~", "~0").replace("/", "~1"))


def _shortened(text: str) -> str:
    # Cut before the escapes as well as after them: one character may become ten.
    safe = printable(text[: LONGEST + 1])
    return safe if len(safe) <= LONGEST else f"{safe[: LONGEST - 1]}…"
