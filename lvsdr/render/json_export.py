"""What a program reads of an export."""

from __future__ import annotations

from lvsdr.model.exported import NewFile
from lvsdr.render.exported_files import Exported
from lvsdr.render.json_fields import Document, finding


def exported_document(result: Exported) -> Document:
    """Return what a program reads of it."""
    placed = [None] * len(result.files) if result.placed is None else map(str, result.placed)
    files = [
        {"path": each.path, "mode": f"{each.mode:04o}", "text": _text(each), "placed": where}
        for each, where in zip(result.files, placed, strict=True)
    ]
    findings = [finding(each) for each in result.findings]
    return {"format": "lvsdr/export/1", "files": files, "findings": findings}


def _text(file: NewFile) -> str:
    return "".join(f"{line}\n" for line in file.lines)
