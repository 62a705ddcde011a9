"""Announcing the VIPs, for as long as nothing newer was announced than that they are here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep

from lvsdr.core.announced_vips import Announcer
from lvsdr.keepalived.host_roles import HostAccess
from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.profile import DirectorProfile

# When a new director speaks again, in seconds: keepalived does so after five (garp_master_delay),
# for VIPs of its own.
AGAIN = (1.0, 5.0)


@dataclass(frozen=True, slots=True)
class InterruptibleAnnouncer:
    """Announces as `announcer` does, until keepalived has said the opposite; fills `announced`.

    Of two directors that start at once, the one that has to go must not be the last to speak: the
    router would send it what nobody takes any more.
    """

    announcer: Announcer
    overtaken: Callable[[], bool]
    announced: list[IPAddress]

    def announce(self, vips: Iterable[IPAddress], *, count: int = 3, interval: float = 0.1) -> None:
        """Claim `vips`, `count` times, `interval` seconds apart, but not once overtaken."""
        claimed = list(vips)
        for number in range(count):
            sleep(interval if number else 0.0)
            if self.overtaken():
                return
            self.announcer.announce(claimed, count=1)
            self.announced[:] = claimed


@contextmanager
def interruptible_announcer(
    access: HostAccess, announced: list[IPAddress], link: str
) -> Iterator[InterruptibleAnnouncer]:
    """Give what announces on `link`, and puts into `announced` what it has."""
    with access.announcer(link) as announcer:
        yield InterruptibleAnnouncer(announcer, access.overtaken, announced)


def announce(profile: DirectorProfile, access: HostAccess) -> tuple[IPAddress, ...]:
    """Announce the VIPs that are here once: of another one it is not ours to speak."""
    host = access.kernel.read_host()
    # What keepalived holds on a macvlan it announces itself, with the MAC of the virtual router.
    here = tuple(vip for vip in profile.vips if profile.interface in host.links_with(vip))
    announced: list[IPAddress] = []
    with interruptible_announcer(access, announced, profile.interface) as announcer:
        announcer.announce(here, count=1)
    return tuple(announced)


@dataclass(slots=True)
class Reminder:
    """Announces the VIPs of a new director again: another one may have spoken after it."""

    after: tuple[float, ...] = AGAIN
    _due: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Remember that this host has become the director now."""
        self._due = [monotonic() + seconds for seconds in self.after]

    def stop(self) -> None:
        """Remember that it is none."""
        self._due.clear()

    def remind(self, profile: DirectorProfile, access: HostAccess) -> None:
        """Announce the VIPs if it is time to; those of keepalived it announces itself."""
        if not self._due or monotonic() < self._due[0]:
            return
        del self._due[0]
        if profile.vips_owner == "lvsdr":
            announce(profile, access)
