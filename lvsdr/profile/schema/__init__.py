"""What a profile may hold: one JSON Schema (draft-07) for each role, for people and machines."""

from __future__ import annotations

import json
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


def document(role: str) -> dict[str, Any]:
    """Return the schema of `role` as data; the caller may change what it gets."""
    schema: dict[str, Any] = json.loads(text(role))
    return schema
