"""From what a schema validator found to what a person reads: one message and one remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lvsdr.model.late_dataclasses import dataclass
from lvsdr.profile.reader.refusal import EMPTY, MISSING, Refusal, misfit
from lvsdr.profile.reader.remedies import FORMS, REMEDIES, likeliest, likeness, reason
from lvsdr.profile.reader.wording import LONGEST, Pointer, listed, shown, written

Schema = Mapping[str, Any]
MOST_NAMED = 170
"""Characters of names of fields that a hint has; the manual has them all."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A value that is not as the schema says.

    `limit` is what the keyword asks for (the type, the maximum, the list of required fields);
    `field` is the schema of the value, `schema` that of the whole profile.
    """

    where: Pointer
    value: Any
    limit: Any
    field: Schema
    schema: Schema
    toml: bool

    @property
    def name(self) -> str:
        """Return the field's name; an entry of a list has that of the list."""
        return next((step for step in reversed(self.where) if isinstance(step, str)), "")

    def example(self, field: Schema) -> str:
        """Return the hint with a value that `field` takes."""
        examples = field.get("examples") or field.get("enum") or [field.get("default")]
        return f"for example {written(examples[0], self.toml)}"


def refusal_of(keyword: str, mistake: Mistake) -> Refusal:
    """Return the refusal of `mistake`, found by the schema's `keyword`."""
    return EXPLANATIONS[keyword](mistake)


# How people name what a check of a request would need for HTTPS.
OF_TLS = frozenset({"https", "tls", "ssl"})


def _unknown(mistake: Mistake) -> Refusal:
    known = list(mistake.field["properties"])
    unknown = [name for name in mistake.value if name not in mistake.field["properties"]]
    homes = dict(_homes(mistake.schema, "the top level"))
    everywhere = [*known, *homes]
    name, near = likeliest(unknown, everywhere) or (unknown[0], None)
    named = ", ".join(known)
    hint = f"the fields here: {named}"
    if len(named) > MOST_NAMED:
        hint = "the fields here are listed in lvsdr-profile(5)"
    if name.lower() in OF_TLS and "http" in (*known, mistake.name):
        hint = 'no check speaks TLS: write "path", or name a command that does'
    elif near in known:
        hint = f"did you mean {near}"
    elif near is not None:
        hint = f"{near} belongs in {homes[near]}"
    return misfit((*mistake.where, name), f"unknown field {shown(name)}", hint)


def _homes(schema: Schema, home: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of a profile, each with where it belongs."""
    for name, field in schema.get("properties", {}).items():
        yield name, home
        yield from _homes(field.get("items", field), name)


def _missing(mistake: Mistake) -> Refusal:
    name = next(name for name in mistake.limit if name not in mistake.value)
    hints = [mistake.example(mistake.field["properties"][name])]
    if "fwmark" in mistake.field["properties"]:
        hints.append("fwmark takes the place of vip, protocol and port")
    return misfit((*mistake.where, name), MISSING, *hints)


def _type(mistake: Mistake) -> Refusal:
    kinds = [mistake.limit] if isinstance(mistake.limit, str) else mistake.limit
    message = f"{shown(mistake.value)} is not {' or '.join(TYPES[each] for each in kinds)}"
    return misfit(mistake.where, message, _retyped(mistake))


def _retyped(mistake: Mistake) -> str:
    """Return how the value is written in the right type, or an example where nobody can tell."""
    value, wanted = mistake.value, mistake.limit
    if wanted in ("integer", "number") and isinstance(value, str) and NUMBER[wanted](value):
        return f"write {shown(value)[1:-1]}, without quotes"
    if wanted == "string" and type(value) is int and mistake.name == "status":
        return f'write "{value}", in quotes'
    if wanted == "boolean":
        return "write true or false, without quotes"
    if wanted == "array" and isinstance(value, str) and mistake.name in ("command", "on_change"):
        return mistake.example(mistake.field)
    if wanted == "array" and isinstance(value, str) and mistake.field["items"]["type"] == "string":
        return (
            f"write [{written(value, mistake.toml)}]" if len(value) < LONGEST else "put it in [ ]"
        )
    return mistake.example(mistake.field)


def _not_one(mistake: Mistake) -> Refusal:
    known = ", ".join(mistake.field["properties"])
    many = "more than one check" if mistake.value else "no check"
    return misfit(mistake.where, many, f'write "path", or an object with one of {known}')


def _choice(mistake: Mistake) -> Refusal:
    message = f"{shown(mistake.value)} is not one of {listed(mistake.limit)}"
    if len(mistake.limit) == 1:
        message = f"{shown(mistake.value)} is not {shown(mistake.limit[0])}, the only choice"
    near = likeness(mistake.value, mistake.limit)
    bare = next((each for each in mistake.limit if str(each) == mistake.value), None)
    if near:
        hint = f"did you mean {near}"
    elif bare is not None:
        hint = f"write {bare}, without quotes"
    else:
        hint = _remedy(mistake)
    return misfit(mistake.where, message, hint)


def _range(mistake: Mistake) -> Refusal:
    low, high = mistake.field["minimum"], mistake.field["maximum"]
    message = f"{shown(mistake.value)} is not between {low} and {high}"
    return misfit(mistake.where, message, _remedy(mistake))


def _form(mistake: Mistake) -> Refusal:
    noun = FORMS.get(mistake.name, "what belongs here")
    return misfit(mistake.where, f"{shown(mistake.value)} is not {noun}", _remedy(mistake))


def _empty(mistake: Mistake) -> Refusal:
    return misfit(mistake.where, EMPTY, mistake.example(mistake.field))


def _with_fwmark(mistake: Mistake) -> Refusal:
    name = next(name for name in ("vip", "protocol", "port") if name in mistake.value)
    return misfit(
        (*mistake.where, name),
        f"{name} does not go with fwmark",
        "leave out fwmark, or else vip, protocol and port: the mark takes their place",
    )


def _remedy(mistake: Mistake) -> str:
    return (
        reason(mistake.name, mistake.value)
        or REMEDIES.get(mistake.name)
        or mistake.example(mistake.field)
    )


NUMBER: Mapping[str, Callable[[str], object]] = {
    "integer": re.compile(r"[0-9]+", re.ASCII).fullmatch,
    "number": re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII).fullmatch,
}
TYPES: Mapping[str, str] = {
    "object": "an object",
    "array": "a list",
    "string": "a string",
    "number": "a number",
    "null": "null",
    "integer": "a whole number",
    "boolean": "true or false",
}
EXPLANATIONS: Mapping[str, Callable[[Mistake], Refusal]] = {
    "additionalProperties": _unknown,
    "required": _missing,
    "type": _type,
    "enum": _choice,
    "minimum": _range,
    "maximum": _range,
    "pattern": _form,
    "minItems": _empty,
    # There is one object of which a field is chosen.
    "minProperties": _not_one,
    "maxProperties": _not_one,
    # There is one `not` in the schemas.
    "not": _with_fwmark,
}
