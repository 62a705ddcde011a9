"""Plain data held against the schema of its role: fields, types, ranges, defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from lvsdr.profile.reader.quick_check import accepts
from lvsdr.profile.reader.refusal import MISSING, misfit
from lvsdr.profile.reader.remedies import likeliest, likeness
from lvsdr.profile.reader.wording import shown, written
from lvsdr.profile.schema import ROLES, document

Schema = Mapping[str, Any]


def role_of(data: Any, needed: str | None, toml: bool) -> str:
    """Return the role that `data` says it has; raise Refusal where that is not `needed`."""
    choice = " or ".join(written(role, toml) for role in ROLES if needed in (None, role))
    if not isinstance(data, dict):
        raise misfit((), f"the profile is {shown(data)}, not an object", "it starts with {")
    if "role" not in data:
        known = {name for role in ROLES for name in document(role)["properties"]}
        pair = likeliest((name for name in data if name not in known), ["role"])
        if pair is not None:
            raise misfit((pair[0],), f"unknown field {shown(pair[0])}", "did you mean role")
        raise misfit(("role",), MISSING, f"write {choice}")
    said = data["role"]
    if said not in ROLES:
        near = likeness(said, ROLES)
        hint = f"did you mean {near}" if near else f"write {choice}"
        raise misfit(("role",), f"{shown(said)} is not a role", hint)
    if needed not in (None, said):
        raise misfit(
            ("role",),
            f"this is a {said} profile",
            f"this command needs a {needed} profile; for this one: lvsdr {said}",
        )
    return str(said)


def surely_right(data: Any) -> bool:
    """Return whether there is nothing to be mended before the rules between fields; not when not.

    Quick: of all that `data` holds each is looked at once.
    """
    role = data.get("role") if type(data) is dict else None
    return isinstance(role, str) and role in ROLES and accepts(document(role))(data)


def refuse_mistakes(schema: Schema, data: Any, toml: bool) -> None:
    """Raise Refusal for what an operator should mend first, if `data` is not as `schema` says."""
    # Most profiles have nothing to be mended.
    from lvsdr.profile.reader.first_mistake import first_mistake  # noqa: PLC0415
    from lvsdr.profile.reader.schema_errors import Mistake, refusal_of  # noqa: PLC0415

    found = first_mistake(schema, data)
    if found:
        raise refusal_of(
            found.keyword,
            Mistake(
                where=found.where,
                value=found.value,
                limit=found.limit,
                field=found.field,
                schema=schema,
                toml=toml,
            ),
        )


def completed(schema: Schema, value: Any) -> Any:
    """Return `value`, which is as `schema` says, with every default, and 1.0 as the integer 1."""
    return completing(schema)(value)


class Completed(Sequence[Any]):
    """A list whose items are completed when they are asked for: a large one is not there twice."""

    def __init__(self, complete: Callable[[Any], Any], items: list[Any]) -> None:
        self._complete = complete
        self._items = items

    def complete(self, value: Any, /) -> Any:
        """Return a value of the list with every default."""
        return self._complete(value)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, place: Any) -> Any:
        return self._complete(self._items[place])

    def __iter__(self) -> Iterator[Any]:
        return map(self._complete, self._items)

    def released(self) -> Iterator[Any]:
        """Yield the items as they were written, and let go of each."""
        left, self._items = self._items, []
        left.reverse()
        while left:
            yield left.pop()


def completing(schema: Schema) -> Callable[[Any], Any]:
    """Return what completes a value of `schema`: prepared once, for there may be many."""
    if "properties" in schema:
        fields = {name: completing(field) for name, field in schema["properties"].items()}
        defaults = {
            name: fields[name](field["default"])
            for name, field in schema["properties"].items()
            if "default" in field
        }
        if schema.get("type", "object") != "object":
            return lambda value: (
                defaults | {name: fields[name](each) for name, each in value.items()}
                if isinstance(value, dict)
                else value
            )
        return lambda value: defaults | {name: fields[name](each) for name, each in value.items()}
    if schema.get("type") == "number":
        return float
    if "items" in schema:
        return partial(Completed, completing(schema["items"]))
    # Draft-07 takes 1.0 for an integer.
    return lambda value: int(value) if isinstance(value, float) else value
