"""What could not be heard of a segment, as frames came faster than they could be read."""

from __future__ import annotations

from collections.abc import Sequence

from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.watch_event import Event

# A frame or two may be lost anywhere; told are all, but at most so often.
EVERY = 60.0
_SHOWN = 3


def unheard(link: str, lost: int, doubtful: Sequence[str] = ()) -> Finding:
    """Return the finding that `lost` frames were not heard; of `doubtful` hosts too little was."""
    named = ", ".join(doubtful[:_SHOWN]) + (" and others" if len(doubtful) > _SHOWN else "")
    unknown = f"; {named} answered, and what they are is not known" if doubtful else ""
    return Finding(
        "COULD-NOT-HEAR",
        WARNING,
        link,
        f"{_lost(lost)}: who answers for the VIPs is not proven{unknown}",
        look=_look(link),
    )


class UnheardFrames:
    """Count frames that were lost: the first are told at once, the others every `EVERY` seconds."""

    def __init__(self, link: str) -> None:
        self._link, self._lost, self._next = link, 0, float("-inf")

    def take(self, lost: int, now: float) -> Event | None:
        """Return what is to be told now that `lost` more frames were lost."""
        self._lost += lost
        if not self._lost or now < self._next:
            return None
        self._next = now + EVERY
        return self.rest()

    def rest(self) -> Event | None:
        """Return what was not told so far."""
        lost, self._lost = self._lost, 0
        if not lost:
            return None
        message = f"{_lost(lost)}: who spoke in the VIPs' name meanwhile is not known"
        return Event("COULD-NOT-HEAR", WARNING, message, look=_look(self._link), count=lost)


def _lost(lost: int) -> str:
    frames = "at least one frame that speaks" if lost == 1 else f"{lost} frames that speak"
    return f"{frames} of the profile's addresses came faster than they could be read"


def _look(link: str) -> str:
    return f"who floods the segment: tcpdump -e -n -c 100 -i {link} arp or icmp6"
