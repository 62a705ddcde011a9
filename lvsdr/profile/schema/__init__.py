"""What a profile may hold: one JSON Schema (draft-07) for each role, for people and machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from lvsdr.model.holder_kinds import HOLDER_KINDS

ROLES: Final = ("director", "realserver")
HERE = Path(__file__).parent


@cache
def text(role: str) -> str:
    """Return the schema of `role` (one of ROLES), a JSON text."""
    shipped = (HERE / f"{role}.json").read_text(encoding="utf-8")
    described = ", ".join(f"{name} ({kind.words})" for name, kind in HOLDER_KINDS.items())
    choices = json.dumps(list(HOLDER_KINDS))
    return shipped.replace('["@HOLDER@"]', choices).replace("@HOLDERS@", described)


@cache
def document(role: str) -> dict[str, Any]:
    """Return the schema of `role` as data, with what it refers to in its place.

    It is one for all who ask: nobody changes it.
    """
    schema: dict[str, Any] = json.loads(text(role))
    for place in REFERRING[role]:
        *way, name = place.split("/")
        around = _at(schema, way)
        referring = around[name]
        told = _at(schema, referring.pop("$ref").split("/")[1:])
        around[name] = {**told, **referring}
    return schema


def _at(schema: dict[str, Any], way: Sequence[str]) -> dict[str, Any]:
    found = schema
    for step in way:
        found = found[step]
    return found


_OF_A_SERVICE = "properties/virtual_servers/items/properties"
REFERRING: Final = {
    "director": (f"{_OF_A_SERVICE}/health", f"{_OF_A_SERVICE}/sorry_server"),
    "realserver": (),
}
"""The places of a schema that say no more than which other one holds, with words of their own."""
