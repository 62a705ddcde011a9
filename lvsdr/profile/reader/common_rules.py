"""What no profile may hold, whatever its role, and what no schema can say."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from lvsdr.profile.reader.json_toml import Doubled
from lvsdr.profile.reader.refusal import Refusal, misfit
from lvsdr.profile.reader.wording import Pointer, shown

# Dotted TOML keys nest without recursion: what follows recurses, and must not run out of stack.
DEEPEST = 32
MOST_BITS = 64


def refuse_unfit_values(data: Any) -> None:
    """Raise Refusal for the first value that no profile may hold."""
    if _is_sound(data, DEEPEST):
        return
    todo: list[tuple[Pointer, Any]] = [((), data)]
    while todo:
        where, value = todo.pop()
        if len(where) > DEEPEST:
            raise Refusal("", "nested too deeply", "a profile has at most six levels")
        if isinstance(value, Doubled):
            name = value.field
            raise misfit(
                (*where, name), f"field {shown(name)} is written twice", "keep one of them"
            )
        if isinstance(value, str) and not value.isprintable():
            raise misfit(
                where, f"{shown(value)} has a character that cannot be printed", "remove it"
            )
        # Python refuses to write out an integer of many digits, and a message may have to.
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise misfit(where, "a number of too many digits", "no field takes more than ten")
        todo.extend(reversed([((*where, step), each) for step, each in _parts(value)]))


def _is_sound(value: Any, levels: int) -> bool:
    """Return whether there is surely nothing to refuse: places are told only where there is."""
    if isinstance(value, str):
        return value.isprintable()
    if isinstance(value, int):
        return value.bit_length() <= MOST_BITS
    if isinstance(value, dict | list):
        if levels == 0 or isinstance(value, Doubled):
            return False
        parts = value.values() if isinstance(value, dict) else value
        return _are_sound(parts, levels - 1)
    return True


def _are_sound(parts: Collection[Any], levels: int) -> bool:
    # A list of millions has one kind of them, as a rule, and these need no function for each.
    kinds = set(map(type, parts))
    if kinds == {int}:
        return max(map(int.bit_length, parts)) <= MOST_BITS
    if kinds == {str}:
        return all(map(str.isprintable, parts))
    return all(_is_sound(each, levels) for each in parts)


def _parts(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)
