"""Findings that say the same of many lines, told once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lvsdr.model.finding import Finding
from lvsdr.model.late_dataclasses import replace

PLACE = re.compile(r"(?P<file>[^\0]*?):(?P<line>\d+): (?P<said>.*)", re.DOTALL)
# So many lines are named, and of the others how many they are.
SHOWN = 3


def with_alike_lines(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield each finding once: where it is said of several lines of a file, with all of them."""
    groups: dict[tuple[object, ...], list[tuple[Finding, str]]] = {}
    for each in findings:
        place = PLACE.fullmatch(each.message)
        said = place["said"] if place else each.message
        file, line = (place["file"], place["line"]) if place else ("", "")
        key = (each.rule, each.severity, each.subject, file, said, each.hint, each.look, each.vip)
        groups.setdefault(key, []).append((each, line))
    for (_, _, _, file, said, *_), group in groups.items():
        first = group[0][0]
        lines = [*dict.fromkeys(line for _, line in group)]
        if len(lines) == 1:
            yield first
        else:
            yield replace(first, message=f"{file}:{lines[0]}{_others(lines[1:])}: {said}")


def _others(lines: list[str]) -> str:
    """Return the other lines, in brackets."""
    shown = ", ".join(lines[:SHOWN])
    more = f" and {len(lines) - SHOWN} more" if lines[SHOWN:] else ""
    return f" (and line{'s' * (len(lines) > 1)} {shown}{more})"
