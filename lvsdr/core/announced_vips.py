"""What is told to the segment of VIPs that have come: in rounds, between which others have time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Protocol

from lvsdr.model.address import IPAddress
from lvsdr.model.profile import DirectorProfile, Profile


class Announcer(Protocol):
    """What can tell the segment that a VIP has come."""

    def announce(
        self, vips: Iterable[IPAddress], *, count: int = ..., interval: float = ...
    ) -> None: ...


# How often what is new is announced, and the seconds between: a frame may get lost.
ROUNDS, INTERVAL = 3, 0.1

OpenAnnouncer = Callable[[str], AbstractContextManager[Announcer]]
"""Open an announcer on a link, before anything is changed: it may lack a privilege."""


@contextmanager
def announcing(
    profile: Profile, vips: tuple[IPAddress, ...], announcer: OpenAnnouncer
) -> Iterator[Callable[[], Iterable[None]]]:
    """Give what announces the new `vips` of a director, a round at each of its steps."""
    if not (isinstance(profile, DirectorProfile) and vips):
        yield lambda: ()
        return
    with announcer(profile.interface) as open_announcer:
        yield partial(_rounds, open_announcer, vips)


def _rounds(announcer: Announcer, vips: tuple[IPAddress, ...]) -> Iterator[None]:
    """Announce `vips` at each of ROUNDS steps: INTERVAL seconds after the one before, or later."""
    due = 0.0
    for _ in range(ROUNDS):
        time.sleep(max(0.0, due - time.monotonic()))
        due = time.monotonic() + INTERVAL
        announcer.announce(vips, count=1)
        yield
