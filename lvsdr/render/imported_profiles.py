"""What `lvsdr import` has found: the profiles, and what is wrong with what they were made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lvsdr.model.late_dataclasses import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from lvsdr.model.finding import Finding
    from lvsdr.model.imported import Document


@dataclass(frozen=True, slots=True)
class ImportedProfiles:
    """Profiles by the name of their file, and what is wrong with what they were made of.

    `written` are the files that were made of them, where they were.
    """

    documents: Mapping[str, Document]
    findings: Sequence[Finding]
    written: Sequence[Path] = ()

    def lines(self) -> Iterator[str]:
        """Yield the profiles, or the files that hold them by now; findings are shown apart."""
        from lvsdr.render.profile_text import profile_lines  # noqa: PLC0415 - a plan has none

        if self.written:
            yield from (f"written: {path}" for path in self.written)
            return
        for name, each in self.documents.items():
            if len(self.documents) > 1:
                yield f"# {name}"
            yield from profile_lines(each)
