"""Files of other programs as they are printed: one as it is, several each with its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvsdr.model.late_dataclasses import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lvsdr.model.exported import NewFile
    from lvsdr.model.finding import Finding


@dataclass(frozen=True, slots=True)
class Exported:
    """Files, and what they cannot hold; `placed` is where they were written, None for nowhere."""

    files: Sequence[NewFile]
    findings: Sequence[Finding]
    placed: Sequence[Path] | None = None


def exported_lines(result: Exported) -> Iterator[str]:
    """Yield the lines that a person, or another program's standard input, gets."""
    if result.placed is not None:
        yield from (f"wrote {path}" for path in result.placed)
    elif len(result.files) == 1:
        yield from result.files[0].lines
    else:
        for number, each in enumerate(result.files):
            yield from ([""] if number else [])
            yield from (f"# {each.path}", *each.lines)
