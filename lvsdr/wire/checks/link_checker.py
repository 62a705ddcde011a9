"""What every checker of real servers on one link does alike: rounds, next hops, deafness, results.

A check waits for nothing: it is begun, and its result is there when it is known. A real server that
is silent is asked again until the timeout is over; see check_rounds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from time import monotonic

from lvsdr.model.address import IPAddress
from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.health import CheckResult
from lvsdr.wire.checks.answer_meaning import OF_THE_HOST, Meaning, silence
from lvsdr.wire.checks.check_link import CheckLink
from lvsdr.wire.checks.check_rounds import CheckRounds
from lvsdr.wire.checks.next_hop_watch import Hop, NextHopWatch, sources_of_hops
from lvsdr.wire.checks.watched_path import NEVER, Check, WatchedPath
from lvsdr.wire.checks.witnesses import Witnesses

# How often the link is looked at: in any case, and while somebody is silent.
_LOOK, _LOOK_IN_DOUBT = 1.0, 0.04


class LinkChecker(Closing):
    """Check the real servers of `checked`, all of them reached by `link`.

    A link that is down, renamed or made anew raises nothing: what was under way has no result then,
    and `deaf` is True until the link is back. Raises CannotRun without the privilege.
    """

    def __init__(
        self, link: str, checked: Iterable[CheckedPath], witnesses: Iterable[IPAddress] = ()
    ) -> None:
        """`witnesses` are the neighbours that may be asked by `witness`."""
        now, items = monotonic(), tuple(checked)
        sources = sources_of_hops(item.route for item in items)
        self._link = CheckLink(link, {*sources, *witnesses})
        self._hops = NextHopWatch(self._link, sources, now)
        self._watched = {
            item.number: WatchedPath(item, self._hops.hops[item.route.next_hop]) for item in items
        }
        for watched in self._watched.values():
            # Not all of them from the same port: several RIPs may be one host's.
            watched.turn = watched.item.number
        self._alike: dict[object, list[WatchedPath]] = {}
        for watched in self._watched.values():
            self._alike.setdefault(_pair(watched), []).append(watched)
        self._users: dict[IPAddress, list[WatchedPath]] = {}
        for watched in self._watched.values():
            self._users.setdefault(watched.hop.address, []).append(watched)
        self._rounds = CheckRounds(now)
        self._generation = self._link.generation
        self._witnesses = Witnesses(self._hops, sources)
        self._results: list[CheckResult] = []

    def close(self) -> None:
        """Give back what was opened."""
        self._link.close()

    @property
    def deaf(self) -> bool:
        """Whether silence says nothing now: the link is down or gone, or frames were lost."""
        return not self._link.hears(monotonic())

    def filenos(self) -> Sequence[int]:
        """Return what becomes readable when there are results; others after the link was down."""
        return self._link.filenos()

    def due(self) -> float | None:
        """Return when results have to be asked for at the latest, by monotonic(3)."""
        times = (self._link.due(), self._rounds.due(), self._hops.due(monotonic()))
        return min(each for each in times if each is not None)

    def witness(self, addresses: Iterable[IPAddress], now: float) -> None:
        """Ask neighbours, such as the gateway, whether they are there: who hears them is not deaf.

        An address of a family that this host has no address of on the link is not asked.
        """
        self._witnesses.ask(addresses, now)

    def witnessed(self) -> float | None:
        """Return when one of those was heard last, by monotonic(3); None before that."""
        return self._witnesses.heard()

    def begin(self, numbers: Iterable[int], now: float, *, doubtful: Collection[int] = ()) -> None:
        """Start a check of each real server of `numbers`, but for those with one under way.

        `doubtful` ones, whose last check failed, are asked more often until the timeout.
        """
        if self._link.deaf:
            return
        begun = []
        for number in numbers:
            watched = self._watched[number]
            if watched.check is None:
                often = number in doubtful
                watched.check = check = Check(watched, now, often)
                begun.append((check, often))
                self._ask(check, now)
        self._rounds.begin(begun, now)
        self._flush()

    def results(self, now: float) -> Sequence[CheckResult]:
        """Return the results of checks that are known by now; ask those again that are silent."""
        self._look(now, _LOOK)
        for frames in self._link.claims():
            self._hops.hear(frames, now)
        for frames in self._link.answers():
            self._hear(frames, now)
            self._flush()
        self._hops.pass_time(now)
        self._follow(now)
        for checks, ask, over in self._rounds.turns(now):
            if over:
                # Others that were asked again just now are no reason to doubt what all were asked.
                self._flush()
            self._turn(checks, now, ask=ask, over=over)
        self._pass_time(now)
        self._flush()
        found, self._results = self._results, []
        return found

    def void(self) -> None:
        """Drop the checks under way: they have no result."""
        for watched in self._watched.values():
            watched.check = None
        self._rounds.clear()
        self._clear()

    # --- what each checker does in its own way ---------------------------------------------------

    def _ask(self, check: Check, now: float) -> None:
        """Ask once more, by a question of its own."""
        raise NotImplementedError

    def _hear(self, frames: Iterable[bytes], now: float) -> None:
        """Take frames that may be answers."""
        raise NotImplementedError

    def _forget(self, check: Check) -> None:
        """Wait no more for answers to a check that is over."""
        raise NotImplementedError

    def _clear(self) -> None:
        """Wait no more for any answer."""
        raise NotImplementedError

    def _again(self, check: Check, now: float) -> None:
        """Ask a check again that is not answered yet."""
        self._hops.ask(check.watched.hop, now, often=check.often)
        self._ask(check, now)

    def _silence(self, check: Check, now: float) -> Meaning | None:
        """Return what it says that a check is not answered in the end; None for nothing."""
        return silence(check, now)

    def _pass_time(self, now: float) -> None:
        """Do what is to be done from time to time."""

    # --- what they share -------------------------------------------------------------------------

    def _flush(self) -> None:
        self._link.flush()
        if self._link.deaf:
            self.void()

    def _look(self, now: float, every: float) -> None:
        self._link.look(now, every)
        if self._link.deaf or self._link.generation != self._generation:
            self.void()
            if not self._link.deaf:
                self._generation = self._link.generation
                for watched in self._watched.values():
                    watched.questions = None

    def _from_its_hop(self, hop: Hop, mac: bytes, now: float) -> bool:
        """Return whether an answer from `mac` is from the host that was asked."""
        if mac != hop.mac and mac not in hop.same:
            self._hops.suspect(hop, mac)
            return False
        hop.heard = now
        return True

    def _follow(self, now: float) -> None:
        """Ask those anew whose next hop has another MAC address now."""
        changed, self._hops.changed = self._hops.changed, []
        for hop in changed:
            for watched in self._users.get(hop.address, ()):
                if watched.check is not None:
                    self._ask(watched.check, now)

    def _turn(self, checks: Sequence[Check], now: float, *, ask: bool, over: bool) -> None:
        self._look(now, 0.0 if over else _LOOK_IN_DOUBT)
        for check in checks:
            if check.watched.check is not check:
                continue
            check.look(now)
            if over:
                said = self._silence(check, now) if self._link.hears(now) else None
                self._conclude(check, said, now)
            elif ask:
                self._again(check, now)

    def _conclude(self, check: Check, found: Meaning | None, now: float) -> None:
        """End a check; without a meaning it has no result."""
        watched = check.watched
        watched.check = None
        check.waiting.pop(watched.item.number, None)
        self._forget(check)
        if found is None:
            return
        if found.told or (watched.why and not found.why):
            # What is said of the VIP is said of all its services: hosts limit their errors.
            whole = found.why in OF_THE_HOST or watched.why in OF_THE_HOST
            for each in self._alike[_pair(watched)] if whole else [watched]:
                each.why, each.why_at = found.why, now if found.why else NEVER
        self._results.append(
            CheckResult(
                watched.item.number, not found.why, found.why, found.silent, check.since, now
            )
        )


def _pair(watched: WatchedPath) -> object:
    """Return the VIP and the real server of a path, and how packets are forwarded there."""
    path = watched.item.path
    return path.vip, path.rip, path.method, path.tunnel
