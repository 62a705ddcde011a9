"""A file for ipvsadm -R as profiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lvsdr.errors import ProfileError
from lvsdr.formats.bounded_file import read_source
from lvsdr.formats.ipvsadm.restored_table import Restored
from lvsdr.formats.looked_up import LookedUp
from lvsdr.formats.table_documents import imported_table
from lvsdr.model.imported import Imported, Unsaid


def imported(files: Sequence[Path], unsaid: Unsaid) -> Imported:
    """Return what the one file of `files` means; `-` is standard input."""
    (path,) = files
    file, text = read_source(path, "name a file that ipvsadm -S has written, or - for its output")
    return of_text(text, file, unsaid)


def of_text(text: str, file: str, unsaid: Unsaid) -> Imported:
    """Return what a text means, which is from `file`; raise ProfileError where it makes nothing."""
    names = LookedUp()
    restored = Restored(file, names.ipv4)
    restored.read(text)
    findings = [*restored.findings, *names.findings(file)]
    made = imported_table(restored.table, unsaid, findings)
    if made.director is None and not made.findings:
        raise ProfileError(
            f"{file} makes no virtual server",
            hints=["ipvsadm-save -n writes the table of a host that has one"],
        )
    return made
