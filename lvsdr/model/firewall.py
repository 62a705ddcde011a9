"""A firewall of this host: that it is there, not what it does."""

from __future__ import annotations

from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Firewall:
    """Rules that packets of this host meet; `tool` shows them all.

    `place` is where they are, as the tool names it; `rules` is how many, None where they could not
    be read.
    """

    tool: str
    place: str
    rules: int | None = None
    drops: bool = False
