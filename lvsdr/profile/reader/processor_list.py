"""A list of processors, such as 0-3,8, as the kernel writes it."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.profile.reader.refusal import misfit
from lvsdr.profile.reader.wording import Pointer


def processors(text: str, where: Pointer) -> str:
    """Return a list in the kernel's words: sorted, neighbours as one range; raise Refusal.

    `text` is as the schema says. An empty list stays empty.
    """
    runs: list[list[int]] = []
    for first, last in sorted(_ranges(text, where)):
        if runs and first <= runs[-1][1] + 1:
            runs[-1][1] = max(runs[-1][1], last)
        else:
            runs.append([first, last])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def _ranges(text: str, where: Pointer) -> Iterator[tuple[int, int]]:
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        ends = int(first), int(last or first)
        if ends[0] > ends[1]:
            raise misfit(where, f"{part} ends before it begins", f"write {ends[1]}-{ends[0]}")
        yield ends
