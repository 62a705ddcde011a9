"""What asks real servers whether they serve, as the keeper knows it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from lvsdr.keeper.check_targets import Target
from lvsdr.keeper.gateway_witness import Gateway
from lvsdr.model.health import CheckResult
from lvsdr.model.late_dataclasses import dataclass


class Checker(Protocol):
    """Asks many real servers, each by its number, and waits for none of them.

    A check that proves nothing, for the link was down or frames were lost, has no result.
    """

    def begin(self, numbers: Sequence[int], now: float, *, doubtful: Collection[int] = ()) -> None:
        """Begin a check of each of `numbers`; the `doubtful` are asked more often."""

    def results(self, now: float) -> Sequence[CheckResult]:
        """Return what has become known: of what came in, and of what is over in vain."""

    def due(self) -> float | None:
        """Return when `results` has to be called though nothing comes in."""

    def filenos(self) -> Sequence[int]:
        """Return the descriptors that ask for `results` once they can be read."""

    def void(self) -> None:
        """Let what is under way have no result."""

    def close(self) -> None:
        """Give back what was opened."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A checker, the numbers that it can ask, and the gateway of its link, if it has one.

    `patient` where what it hears may wait for a moment, as nobody is asked anything upon it.
    """

    checker: Checker
    numbers: frozenset[int]
    gateway: Gateway | None = None
    patient: bool = False


OpenCheckers = Callable[[Sequence[Target]], Sequence[Asking]]
"""Open what asks the targets on the wire, each of which has its place for its number."""
