"""What is lost of many services in the same way, said once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.model.finding import Finding
from lvsdr.model.late_dataclasses import replace

MOST_NAMED = 3


def with_alike_subjects(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield each finding, with what it is about in its message; of equal ones the first."""
    alike: dict[Finding, list[str]] = {}
    for each in findings:
        subjects = alike.setdefault(replace(each, subject=""), [])
        if each.subject not in subjects:
            subjects.append(each.subject)
    for each, subjects in alike.items():
        named = ", ".join(subjects[:MOST_NAMED])
        left = len(subjects) - MOST_NAMED
        named += f" and {left} more" if left > 0 else ""
        yield replace(each, subject=subjects[0], message=f"{named}: {each.message}")
