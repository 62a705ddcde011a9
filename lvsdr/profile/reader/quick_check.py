"""The quick way through a schema: whether data is as it says, at the speed of a large profile.

It says yes only where the schema does, and where no text has a character that cannot be printed
and no field stands twice; a no may also mean that it does not know. Whoever was told no asks a
validator, which takes thirty times as long and can tell why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Schema = Mapping[str, Any]
Check = Callable[[Any], bool]

MOST_FIELDS = 1 << 62
# What says nothing about a value.
WORDS = frozenset({"$schema", "title", "description", "default", "examples"})


def accepts(schema: Schema) -> Check:
    """Return what tells whether a value is as `schema` says."""
    known = {name: limit for name, limit in schema.items() if name not in WORDS}
    kind = known.pop("type", None)
    if kind is None and set(known) <= {"enum", "const"} and known:
        return _one_of(known)
    if type(kind) is list:
        return _one_of_kinds(kind, known)
    make = CHECKS.get(kind)
    return never if make is None else make(known)


def never(value: Any) -> bool:
    """Know nothing."""
    return False


def _one_of_kinds(kinds: list[str], known: dict[str, Any]) -> Check:
    """Return what tells whether a value of any of `kinds` is right: a keyword is of one type."""
    about = frozenset[str]().union(*(KEYWORDS.get(kind, ()) for kind in kinds))
    if not KEYWORDS.keys() >= set(kinds) or not about >= known.keys():
        return never
    each = [
        CHECKS[kind]({name: known[name] for name in KEYWORDS[kind] if name in known})
        for kind in kinds
    ]
    return lambda value: any(check(value) for check in each)


def _one_of(known: dict[str, Any]) -> Check:
    choices = frozenset(known.get("enum", [known.get("const")]))
    # Numbers and truth values are equal across types here, and not in JSON.
    kinds = {type(each) for each in choices}
    if len(known) > 1 or kinds not in ({str}, {int}):
        return never
    (kind,) = kinds
    return lambda value: type(value) is kind and value in choices


def _string(known: dict[str, Any]) -> Check:
    pattern = known.pop("pattern", None)
    if pattern is None and set(known) == {"enum"}:
        return _one_of(known)
    if known:
        return never
    if pattern is None:
        return lambda value: type(value) is str and value.isprintable()
    # Compiled once it is asked for: most profiles have few of the fields.
    search = cache(lambda: re.compile(pattern).search)
    return lambda value: type(value) is str and search()(value) is not None and value.isprintable()


def _integer(known: dict[str, Any]) -> Check:
    low, high = known.pop("minimum", None), known.pop("maximum", None)
    choices = known.pop("enum", None)
    allowed: frozenset[int] | range
    if choices is not None and low is None and high is None and not known:
        allowed = frozenset(choices)
    elif known or choices is not None or low is None or high is None:
        return never
    else:
        allowed = range(low, high + 1)
    return lambda value: type(value) is int and value in allowed


def _number(known: dict[str, Any]) -> Check:
    low, high = known.pop("minimum", None), known.pop("maximum", None)
    if known or low is None or high is None:
        return never
    # What is no number, and NaN, is between nothing.
    return lambda value: type(value) in (int, float) and low <= value <= high


def _null(known: dict[str, Any]) -> Check:
    return never if known else lambda value: value is None


def _boolean(known: dict[str, Any]) -> Check:
    return never if known else lambda value: type(value) is bool


def _array(known: dict[str, Any]) -> Check:
    least = known.pop("minItems", 0)
    all_right = accepts_all(known.pop("items", {}))
    if known:
        return never
    return lambda value: type(value) is list and len(value) >= least and all_right(value)


def accepts_all(schema: Schema) -> Check:
    """Return what tells whether each value of a list is as `schema` says.

    Of many alike a field at a time, which takes half as long.
    """
    one = accepts(schema)
    kind, fields = schema.get("type"), schema.get("properties")
    if kind == "object" and fields is not None and "if" not in schema:
        return _all_objects(one, fields, frozenset(schema.get("required", ())))
    if kind == "integer" and {"minimum", "maximum"} <= schema.keys() and "enum" not in schema:
        low, high = schema["minimum"], schema["maximum"]
        return lambda values: _all_of(values, int) and min(values) >= low and max(values) <= high
    if kind == "string" and set(schema) <= {"type", "enum", *WORDS} and "enum" in schema:
        choices = frozenset(schema["enum"])
        return lambda values: _all_of(values, str) and choices.issuperset(values)
    if kind == "string" and set(schema) <= {"type", *WORDS}:
        return lambda values: _all_of(values, str) and "".join(values).isprintable()
    return lambda values: all(map(one, values))


class Checks(dict[str, Check]):
    """The checks of an object's fields by their names, made once one is asked for."""

    def __init__(self, fields: Mapping[str, Schema], make: Callable[[Schema], Check]) -> None:
        super().__init__()
        self._fields = fields
        self._make = make

    def __missing__(self, name: str) -> Check:
        field = self._fields.get(name)
        if field is None:
            # Not kept: there may be many that nobody knows.
            return never
        check = self[name] = self._make(field)
        return check


def _all_of(values: Any, kind: type) -> bool:
    return set(map(type, values)) == {kind}


def _all_objects(one: Check, fields: Mapping[str, Schema], required: frozenset[str]) -> Check:
    columns = Checks(fields, accepts_all)

    def check(values: Any) -> bool:
        if not values or not one(values[0]) or not _all_of(values, dict):
            return not values
        for name in set().union(*values):
            column = [each[name] for each in values if name in each]
            whole = len(column) == len(values) or name not in required
            if not whole or not columns[name](column):
                return False
        return True

    return check


def _object(known: dict[str, Any]) -> Check:
    fields = Checks(known.pop("properties", {}), accepts)
    least, most = known.pop("minProperties", 0), known.pop("maxProperties", MOST_FIELDS)
    required = frozenset(known.pop("required", ()))
    conditions = _conditions(known)
    if known.pop("additionalProperties", True) is not False or known or conditions is None:
        return never
    held = conditions

    def check(value: Any) -> bool:
        # Of another type is one that has a field twice.
        if type(value) is not dict or not required <= value.keys():
            return False
        if not least <= len(value) <= most:
            return False
        return all(fields[name](each) for name, each in value.items()) and held(value)

    return check


def _conditions(known: dict[str, Any]) -> Check | None:
    """Take if, then and else out of `known`; None where they ask for more than field names."""
    if "if" not in known:
        return lambda value: True
    tests = [_names(known.pop(word, {})) for word in ("if", "then", "else")]
    condition, consequence, otherwise = tests
    if condition is None or consequence is None or otherwise is None:
        return None
    return lambda value: (consequence if condition(value) else otherwise)(value)


def _names(schema: Schema) -> Check | None:
    """Return what tells whether an object has the fields that `schema` asks for."""
    if not schema:
        return lambda value: True
    (word, limit), *more = schema.items()
    if more:
        return None
    if word == "required":
        names = frozenset(limit)
        return lambda value: names <= value.keys()
    if word == "not":
        inner = _names(limit)
        return None if inner is None else lambda value: not inner(value)
    if word == "anyOf":
        each = [_names(item) for item in limit]
        whole = [check for check in each if check is not None]
        return None if len(whole) < len(each) else lambda value: any(c(value) for c in whole)
    return None


CHECKS: Mapping[str | None, Callable[[dict[str, Any]], Check]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "null": _null,
    "boolean": _boolean,
    "array": _array,
    "object": _object,
}
# What says something about values of one type, of those that a field may have several of.
KEYWORDS: Mapping[str, frozenset[str]] = {
    "string": frozenset({"pattern"}),
    "null": frozenset(),
    "object": frozenset(
        {"properties", "additionalProperties", "required", "minProperties", "maxProperties"}
    ),
}
