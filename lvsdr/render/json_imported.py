"""`lvsdr import` as a program reads it: each profile as it would stand in its file."""

from __future__ import annotations

from lvsdr.render import json_fields
from lvsdr.render.imported_profiles import ImportedProfiles
from lvsdr.render.json_fields import Document


def imported_profiles(result: ImportedProfiles) -> Document:
    """Return the profiles by their files, and the findings."""
    return {
        "format": "lvsdr/import/1",
        "ok": json_fields.sound(result.findings),
        "profiles": [
            {"file": name, "role": each["role"], "profile": each}
            for name, each in result.documents.items()
        ],
        "written": [str(path) for path in result.written],
        "findings": [json_fields.finding(item) for item in result.findings],
    }
