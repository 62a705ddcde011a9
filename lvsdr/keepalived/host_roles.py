"""What a host is in a cluster, and what it takes to carry out a state of keepalived's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvsdr.core.announced_vips import OpenAnnouncer
from lvsdr.core.book import Book
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.situation import Situation
from lvsdr.errors import ProfileError
from lvsdr.keepalived.ledger import Ledger
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Plan
from lvsdr.model.late_dataclasses import dataclass, replace
from lvsdr.model.objects import Sysctl
from lvsdr.model.profile import DirectorProfile, RealServerProfile

if TYPE_CHECKING:
    from lvsdr.proof.watching import OpenEars

BACKUP_ONLY = "net/ipv4/vs/backup_only"
# With keepalived's default interval the other one hears of it after a second at the latest; and
# a program has to start there, if it is no reader of the FIFO.
GRACE = 2.0


@dataclass(frozen=True, slots=True)
class Roles:
    """What the host is: a director of a cluster, and perhaps one of its real servers too."""

    director: DirectorProfile
    realserver: RealServerProfile | None = None

    def __post_init__(self) -> None:
        if self.realserver is not None and self.realserver.arp_ignore == 8:
            raise ProfileError(
                f"cannot be director and real server with profile {self.realserver.name}:"
                " with arp_ignore 8 nobody answers for the VIP, not even its director",
                hints=["write 1 as arp_ignore, or leave it out"],
            )
        if self.realserver is not None and _schedules_on_standby(self.director):
            raise ProfileError(
                f"cannot be director and real server with profile {self.director.name}: keepalived"
                " keeps its table on a standby too, which would schedule what the active director"
                " sends it, in a loop",
                hints=[
                    'write "standby": "synced", with a sync daemon of each state: then a standby'
                    " passes it by",
                    'or let lvsdr own the table: "table_owner": "lvsdr"',
                ],
            )
        if self.realserver is not None and _would_loop(self.director):
            raise ProfileError(
                f"cannot be director and real server with profile {self.director.name}: a synced"
                " standby would schedule what the active director sends it, in a loop",
                hints=[
                    'let lvsdr own the VIPs: "vips_owner": "lvsdr"',
                    'or write "backup_only": 1 in sysctls, and bear that a failover resets some'
                    " connections: keepalived brings the VIPs before the daemons are swapped",
                ],
            )

    @property
    def both_schedule(self) -> bool:
        """Return whether the host is sent what another director of the cluster schedules."""
        return self.realserver is not None and self.director.standby == "synced"


def _schedules_on_standby(profile: DirectorProfile) -> bool:
    return not profile.writes_table and profile.standby != "synced"


def _would_loop(profile: DirectorProfile) -> bool:
    passed_by = profile.vips_owner == "lvsdr" or Sysctl(BACKUP_ONLY, "1") in profile.sysctls
    return profile.standby == "synced" and not passed_by


@dataclass(slots=True)
class Report:
    """What a transition has done so far.

    Where it `waits` for another director to stand by, it is to be tried again. `silent_since` is
    since when nobody else was heard to speak for the VIPs, by the monotonic clock.
    """

    changes: Plan = ()
    announced: tuple[IPAddress, ...] = ()
    notes: tuple[str, ...] = ()
    waits: bool = False
    silent_since: float | None = None

    def followed_by(self, later: Report) -> Report:
        """Return what both have done; of notes, those that still hold."""
        return replace(
            later,
            changes=self.changes + later.changes,
            announced=self.announced + later.announced,
        )

    def add(self, situation: Situation) -> None:
        """Count in what a situation wanted, and has been carried out."""
        self.changes += situation.todo
        self.notes += situation.notes


@dataclass(frozen=True, slots=True)
class HostAccess:
    """What transitions reach the host by; the lock of `book` is held.

    `grace`, in seconds, is how long the next director may take until it is heard. Of what
    keepalived said, what was said to the profile of `ledger` counts.
    """

    kernel: Kernel
    ledger: Ledger
    announcer: OpenAnnouncer
    ears: OpenEars
    grace: float = GRACE

    @property
    def book(self) -> Book:
        return self.ledger.book

    @property
    def patience(self) -> float:
        """Return how long a director may take until it stands by, its hook's start included."""
        return 5 * self.grace

    def overtaken(self) -> bool:
        """Return whether keepalived has said the opposite of what is being carried out."""
        return self.ledger.overtaken()
