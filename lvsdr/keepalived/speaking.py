"""Announcing the VIPs, for as long as nothing newer was said than that they are here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import sleep

from lvsdr.keepalived.roles import Host
from lvsdr.model.address import IPAddress
from lvsdr.workflow import Announcer


@dataclass(frozen=True, slots=True)
class Speaker:
    """Announces as `announcer` does, until something newer was said; `said` is what it has.

    Of two directors that start at once, the one that has to go must not be the last to speak: the
    router would send it what nobody takes any more.
    """

    announcer: Announcer
    overtaken: Callable[[], bool]
    said: list[IPAddress]

    def announce(self, vips: Iterable[IPAddress], *, count: int = 3, interval: float = 0.1) -> None:
        """Claim `vips`, `count` times, `interval` seconds apart, but not once overtaken."""
        claimed = list(vips)
        for number in range(count):
            sleep(interval if number else 0.0)
            if self.overtaken():
                return
            self.announcer.announce(claimed, count=1)
            self.said[:] = claimed


@contextmanager
def speaking(host: Host, said: list[IPAddress], link: str) -> Iterator[Speaker]:
    """Give what announces on `link`, and puts into `said` what it has."""
    with host.announcer(link) as announcer:
        yield Speaker(announcer, host.overtaken, said)
