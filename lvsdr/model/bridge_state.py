"""What a bridge does to the frames that pass through it."""

from __future__ import annotations

from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bridge:
    """How a bridge treats frames; `delay` in seconds.

    `filters` are the programs whose rules it asks of its own accord, whatever the sysctls say:
    iptables, ip6tables, arptables.
    """

    stp: bool = False
    delay: float = 15.0
    filters: frozenset[str] = frozenset()
