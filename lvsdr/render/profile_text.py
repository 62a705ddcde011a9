"""A profile as a person would write it: JSON, what is short on one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

WIDTH, STEP = 98, "  "


def profile_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a profile; read again, they are the same document."""
    yield from _lines(document, "", "", STEP)


def _lines(value: Any, head: str, tail: str, deeper: str) -> Iterator[str]:
    """Yield a value between `head`, which has its indentation, and `tail`."""
    flat = _flat(value)
    if flat is not None and len(head) + len(flat) + len(tail) <= WIDTH:
        yield f"{head}{flat}{tail}"
        return
    if not value or not isinstance(value, (dict, list)):
        yield f"{head}{_written(value)}{tail}"
        return
    named = isinstance(value, dict)
    yield f"{head}{'{' if named else '['}"
    last = len(value) - 1
    for number, each in enumerate(value):
        name = f"{_written(each)}: " if named else ""
        inner = value[each] if named else each
        yield from _lines(inner, deeper + name, "" if number == last else ",", deeper + STEP)
    yield f"{deeper.removesuffix(STEP)}{'}' if named else ']'}{tail}"


def _flat(value: Any) -> str | None:
    """Return a value that fits on one line: none that has objects with something in them."""
    if isinstance(value, (dict, list)):
        inner = value.values() if isinstance(value, dict) else value
        if len(value) > WIDTH or any(isinstance(each, (dict, list)) and each for each in inner):
            return None
    return _written(value)


# One for all: json.dumps makes another one for each text that is not only of ASCII.
_written = json.JSONEncoder(ensure_ascii=False).encode
