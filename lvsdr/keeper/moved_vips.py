"""VIPs that are gone from here, and that another host answers for by now: they are left to it.

Somebody may have moved them there: to take them back at once would make two directors.
"""

from __future__ import annotations

from collections.abc import Collection

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.situation import Situation
from lvsdr.errors import CannotRun
from lvsdr.keeper.told import Told
from lvsdr.model.address import IPAddress
from lvsdr.model.objects import Address, Key
from lvsdr.model.profile import DirectorProfile
from lvsdr.proof.take_over import SHOWN, Asking, Taken, taken_vips

TAKEN = "taken"
# How soon it is asked again, at first and at most: nothing else is done while it is asked.
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0


class MovedVips:
    """Knows which VIPs are left to others, and until when that is not asked again."""

    def __init__(self, kernel: Kernel, asking: Asking, told: Told) -> None:
        self._kernel = kernel
        self._asking = asking
        self._told = told
        self._left: frozenset[Key] = frozenset()
        self._pause = 0.0
        self._until = 0.0

    def of(
        self, profile: DirectorProfile, situation: Situation, passed: Collection[Key], now: float
    ) -> frozenset[Key]:
        """Return the keys of those that `situation` would take back and that are another host's.

        Of `passed` nothing is asked.
        """
        added = _added(situation, passed)
        known = self._left.intersection(added.values())
        if now < self._until and known == frozenset(added.values()):
            return known
        if not added:
            return frozenset()
        taken = taken_vips(profile, added, self._kernel.read_host(), self._asking)
        if not taken.hosts:
            self.over()
            return frozenset()
        self._tell(taken)
        self._left = frozenset(added[vip] for vip in taken.vips)
        self._pause = min(max(FIRST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
        self._until = now + self._pause
        return self._left

    def over(self) -> None:
        """Take it that none is another host's any more."""
        self._left, self._pause, self._until = frozenset(), 0.0, 0.0
        self._told.well(TAKEN)

    def _tell(self, taken: Taken) -> None:
        hosts = taken.hosts[:SHOWN]
        said = "; ".join(f"cannot take {vip}: {host.answers(vip)}" for vip, host in hosts)
        look = ["whether it was moved there on purpose: then lvsdr director withdraw here"]
        self._told.failed(TAKEN, CannotRun(said, hints=look), kind="TAKEN")


def _added(situation: Situation, passed: Collection[Key]) -> dict[IPAddress, Key]:
    new = (each for each in situation.todo if each.key not in passed and each.before is None)
    return {it.ip.ip: it.key for each in new if isinstance(it := each.after, Address)}
