"""What a profile may hold: one JSON Schema (draft-07) for each role, for people and machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

ROLES: Final = ("director", "realserver")
HERE = Path(__file__).parent


def text(role: str) -> str:
    """Return the schema of `role` (one of ROLES) as it is shipped, a JSON text."""
    return (HERE / f"{role}.json").read_text(encoding="utf-8")


def document(role: str) -> dict[str, Any]:
    """Return the schema of `role` as data; the caller may change what it gets."""
    schema: dict[str, Any] = json.loads(text(role))
    return schema
