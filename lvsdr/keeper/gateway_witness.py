"""The gateway as a witness: where no other real server can say whether we see, it can."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from lvsdr.model.late_dataclasses import dataclass

# Questions to it in the midst of a check, in parts of its timeout: one may get lost.
_WHEN = (0.38, 0.45, 0.52)


@dataclass(frozen=True, slots=True)
class Gateway:
    """What asks the gateways of a link, and says when one of them was heard last.

    Both by monotonic(3); None as long as none was heard.
    """

    ask: Callable[[float], None]
    heard: Callable[[], float | None]


class GatewayWitness:
    """Asks the gateways of sides when that is due, and knows which of them was heard."""

    def __init__(self) -> None:
        self._due: list[tuple[float, str]] = []
        self._by_side: dict[str, Gateway] = {}
        self._heard: dict[str, float] = {}

    def call(self, side: str, gateway: Gateway, now: float, timeout: float) -> None:
        """Have the gateway of a side asked in the midst of a check that begins now."""
        self._by_side[side] = gateway
        if not any(each == side for _, each in self._due):
            for part in _WHEN:
                heappush(self._due, (now + part * timeout, side))

    def due(self) -> float | None:
        """Return when the next question is due."""
        return self._due[0][0] if self._due else None

    def turn(self, now: float) -> dict[str, float]:
        """Ask what is due, and return when each side was heard of, where that is new."""
        while self._due and self._due[0][0] <= now:
            self._by_side[heappop(self._due)[1]].ask(now)
        said = {side: each.heard() for side, each in self._by_side.items()}
        new = {
            side: at for side, at in said.items() if at is not None and at != self._heard.get(side)
        }
        self._heard |= new
        return new
