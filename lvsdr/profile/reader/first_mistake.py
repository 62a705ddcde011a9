"""The mistake of a profile that an operator should mend first, found without listing the others."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lvsdr.errors import CannotRun
from lvsdr.model.site_packages import look_for
from lvsdr.profile.reader.quick_check import Check, accepts
from lvsdr.profile.reader.wording import Pointer

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

Schema = Mapping[str, Any]


class Misfit(NamedTuple):
    """A value that its schema, `field`, does not take, by its `keyword`, which asks for `limit`."""

    where: Pointer
    value: Any
    field: Schema
    keyword: str
    limit: Any


def first_mistake(schema: Schema, data: Any) -> Misfit | None:
    """Return the mistake to mend first, None where `data` is as `schema` says.

    Unknown fields come first, which explain missing ones; then what stands first in the file, an
    object before what is in it. A file of a million mistakes costs no more than one of few.
    """
    found = next(_unknown(schema, data, ()), None)
    return found or next(_unfit(schema, data, ()), None)


def _unknown(field: Schema, value: Any, where: Pointer) -> Iterator[Misfit]:
    """Yield the objects with fields that the schema does not know."""
    known = field.get("properties")
    if known is not None and isinstance(value, dict) and not value.keys() <= known.keys():
        yield Misfit(where, value, field, "additionalProperties", False)
    for step, described, each in _children(field, value):
        if "properties" in described or "items" in described:
            yield from _unknown(described, each, (*where, step))


def _validator() -> type[Validator]:
    """Return what knows why a value does not fit; raise CannotRun where it cannot be loaded."""
    # Here and not above: loading it takes 60 ms, and most profiles are as they should be.
    look_for("jsonschema")
    try:
        from jsonschema import Draft7Validator  # noqa: PLC0415
    except ImportError as error:
        # Part of it is compiled, for the one Python that lvsdr was installed with.
        python = ".".join(map(str, sys.version_info[:2]))
        raise CannotRun(
            f"cannot say what is wrong in the profile: jsonschema does not load: {error}",
            notes=[f"this is Python {python}; the one that lvsdr was installed with may be gone"],
            hints=["install lvsdr again, as it was: make install, pipx reinstall, or the package"],
        ) from error
    return Draft7Validator


def _unfit(field: Schema, value: Any, where: Pointer) -> Iterator[Misfit]:
    """Yield what is wrong with `value` itself, a wrong type first, then what is in it."""
    own = {name: limit for name, limit in field.items() if name not in CONTAINED}
    errors = _validator()(own).iter_errors(value)
    for error in sorted(errors, key=lambda each: each.validator != "type"):
        yield Misfit(where, value, field, str(error.validator), error.validator_value)
    # Prepared once: the entries of a list have one schema.
    checks: dict[int, Check] = {}
    for step, described, each in _children(field, value):
        if id(described) not in checks:
            checks[id(described)] = accepts(described)
        if not checks[id(described)](each):
            yield from _unfit(described, each, (*where, step))


CONTAINED = frozenset({"properties", "additionalProperties", "items"})


def _children(field: Schema, value: Any) -> Iterable[tuple[str | int, Schema, Any]]:
    """Yield the step to each value that the schema describes, its schema, and the value."""
    if isinstance(value, dict):
        known = field.get("properties", {})
        return ((name, known[name], each) for name, each in value.items() if name in known)
    if isinstance(value, list) and "items" in field:
        return ((place, field["items"], each) for place, each in enumerate(value))
    return ()
