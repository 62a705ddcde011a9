"""How often and how long keepalived asks: lines that stand in a service, a server or a checker."""

from __future__ import annotations

from lvsdr.formats.keepalived.conf_losses import Losses, shown
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.server_words import loose_number, seconds_of
from lvsdr.model.late_dataclasses import dataclass

TIMES = ("delay_loop", "connect_timeout", "delay_before_retry")
# When the first check comes, and how much is logged: of no consequence here.
PASSED_OVER = ("warmup", "log_all_failures")
TIMINGS = frozenset((*TIMES, "retry", *PASSED_OVER))
MOST_RETRIES = 999


@dataclass(slots=True)
class Timing:
    """What lines say of checks, in seconds; None is what none says."""

    delay_loop: float | None = None
    connect_timeout: float | None = None
    delay_before_retry: float | None = None
    retry: int | None = None

    def take(self, line: Block, losses: Losses) -> None:
        """Take a line; one that is wrong changes nothing."""
        if line.name in TIMES:
            found = seconds_of(line.word)
            if found is not None:
                setattr(self, line.name, found)
            else:
                _wrong(line, losses)
        elif line.name not in PASSED_OVER:
            count = None if not line.word else loose_number(line.word, 1 << 31)
            if count is not None:
                self.retry = min(count, MOST_RETRIES)
            else:
                _wrong(line, losses)

    def over(self, base: Timing) -> Timing:
        """Return this, and what it does not say as in `base`."""
        return Timing(
            _first(self.delay_loop, base.delay_loop),
            _first(self.connect_timeout, base.connect_timeout),
            _first(self.delay_before_retry, base.delay_before_retry),
            base.retry if self.retry is None else self.retry,
        )


def _first(own: float | None, other: float | None) -> float | None:
    return other if own is None else own


def _wrong(line: Block, losses: Losses) -> None:
    losses.warning(
        line,
        f"{line.name} {shown(line.word)} is no number that keepalived takes; it is left out here",
        "write the number alone, without a unit",
    )
