"""When frames are sent: not faster than switches and hosts can take them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

RATE = 5000
# For questions that are asked again at the other rate where a host has not answered.
QUICK = 10_000
# What is late by more seconds delays all that follows.
CATCH_UP = 0.05


def paced(
    frames: Sequence[bytes], rounds: int, gap: float, rate: float = RATE
) -> list[tuple[float, bytes]]:
    """Return when to send each frame, in seconds after the start, for `rounds` of all `frames`.

    Rounds begin `gap` seconds apart, or later where one takes longer at `rate` frames a second.
    The default of 5,000, a twentieth of 100 Mbit/s, fits the queues of switches and hosts.
    """
    gap = max(gap, len(frames) / rate)
    return [
        (turn * gap + number / rate, frame)
        for turn, (number, frame) in product(range(rounds), enumerate(frames))
    ]
