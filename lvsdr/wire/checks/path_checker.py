"""Check real servers by the first packet of a request, along the path of a client's request.

The same as `prove_paths` asks once, asked again and again. A check waits for nothing: it is begun,
and its result is there when it is known. A real server that is silent is asked again until the
timeout is over; see check_rounds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from time import monotonic

from lvsdr.model.address import IPAddress
from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.health import CheckResult
from lvsdr.wire.checks.answer_keys import OPEN, STALE, Heard, heard
from lvsdr.wire.checks.answer_meaning import (
    FORWARDS,
    Meaning,
    datagram_meaning,
    held_without_answer,
    meaning,
    silence,
)
from lvsdr.wire.checks.asked_questions import AskedQuestions
from lvsdr.wire.checks.check_link import CheckLink
from lvsdr.wire.checks.check_rounds import CheckRounds
from lvsdr.wire.checks.forgotten_connections import ForgottenConnections, closing
from lvsdr.wire.checks.next_hop_watch import Hop, NextHopWatch, sources_of_hops
from lvsdr.wire.checks.proxied_rips import ProxiedRips
from lvsdr.wire.checks.watched_path import Check, WatchedPath
from lvsdr.wire.checks.witnesses import Witnesses


class PathChecker(Closing):
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
        self._users: dict[IPAddress, list[WatchedPath]] = {}
        for watched in self._watched.values():
            self._users.setdefault(watched.hop.address, []).append(watched)
        self._rounds = CheckRounds(now)
        self._generation = self._link.generation
        self._proxied = ProxiedRips(self._watched.values())
        self._asked = AskedQuestions(self._link, self._hops, self._proxied)
        self._forgotten = ForgottenConnections(self._watched.values(), now)
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

    # --- to ask ----------------------------------------------------------------------------------

    def begin(self, numbers: Iterable[int], now: float, *, doubtful: Collection[int] = ()) -> None:
        """Start a check of each real server of `numbers`, but for those with one under way.

        `doubtful` ones, whose last check failed, are asked more often until the timeout.
        """
        if self._link.deaf:
            return
        begun = []
        for number in numbers:
            watched = self._watched[number]
            if watched.check is not None:
                continue
            watched.check = check = Check(watched, now)
            begun.append((check, number in doubtful))
            self._asked.ask(check, now)
        self._rounds.begin(begun, now)
        self._flush()

    def _flush(self) -> None:
        self._link.flush()
        if self._link.deaf:
            self.void()

    # --- to hear ---------------------------------------------------------------------------------

    def results(self, now: float) -> Sequence[CheckResult]:
        """Return the results of checks that are known by now; ask those again that are silent."""
        self._look(now)
        for frames in self._link.claims():
            self._hops.hear(frames, now)
        for frames in self._link.answers():
            self._hear(frames, now)
        self._hops.pass_time(now)
        self._follow(now)
        for checks, ask, over in self._rounds.turns(now):
            self._turn(checks, now, ask=ask, over=over)
        self._flush()
        found, self._results = self._results, []
        return found

    def void(self) -> None:
        """Drop the checks under way: they have no result."""
        for watched in self._watched.values():
            watched.check = None
        self._rounds.clear()
        self._asked.clear()

    def _look(self, now: float, *, at_once: bool = False) -> None:
        self._link.look(now, at_once=at_once)
        if self._link.deaf or self._link.generation != self._generation:
            self.void()
            if not self._link.deaf:
                self._generation = self._link.generation
                for watched in self._watched.values():
                    watched.questions = None

    def _hear(self, frames: Iterable[bytes], now: float) -> None:
        for frame in frames:
            said = heard(frame)
            if said is None:
                continue
            check = self._asked.services.get(said.key)
            if said.kind == STALE:
                self._link.put(self._forgotten.resets(frame, said, now))
            elif check is not None:
                self._answered(check, said, now)
            elif (check := self._asked.echoes.get(said.key)) is not None:
                self._echoed(check, said, now)
            else:
                self._link.put(self._forgotten.resets(frame, said, now))
        self._flush()

    def _from_its_hop(self, hop: Hop, said: Heard, now: float) -> bool:
        """Return whether an answer is from the host that was asked."""
        if said.mac != hop.mac and said.mac not in hop.same:
            self._hops.suspect(hop, said.mac)
            return False
        hop.heard = now
        return True

    def _answered(self, check: Check, said: Heard, now: float) -> None:
        watched = check.watched
        if not self._from_its_hop(watched.hop, said, now):
            return
        asked = watched.questions
        if asked is None or said.label not in (None, asked.label):
            return
        if said.kind == OPEN:
            self._link.put(closing(watched, said))
            cookie = self._asked.cookies.get(said.key)
            if cookie is not None:
                self._conclude(check, datagram_meaning(watched.item, cookie, said.data), now)
                return
        elif said.kind == "expired" and not said.outer and watched.may_be_behind_proxy:
            check.doubted = True
            self._asked.ask(check, now)
            return
        self._conclude(check, meaning(watched, said), now)

    def _echoed(self, check: Check, said: Heard, now: float) -> None:
        """Take the answer to an echo, which is not the service's."""
        if not self._from_its_hop(check.watched.hop, said, now):
            return
        if check.doubted:
            if said.kind == "expired":
                self._proxied.learn(check.watched)
                check.doubted = False
                self._asked.ask(check, now)
            elif said.kind == OPEN:
                self._conclude(check, Meaning(FORWARDS, told=True), now)
        elif said.kind == OPEN:
            check.held = True
        elif said.kind != "other":
            self._conclude(check, meaning(check.watched, said), now)

    def _follow(self, now: float) -> None:
        """Ask those anew whose next hop has another MAC address now."""
        changed, self._hops.changed = self._hops.changed, []
        for hop in changed:
            for watched in self._users.get(hop.address, ()):
                if watched.check is not None:
                    self._asked.ask(watched.check, now)

    # --- to conclude -----------------------------------------------------------------------------

    def _turn(self, checks: Sequence[Check], now: float, *, ask: bool, over: bool) -> None:
        self._look(now, at_once=over)
        for check in checks:
            if check.watched.check is not check:
                continue
            if over:
                self._conclude(check, silence(check, now) if self._link.hears(now) else None, now)
            elif check.held and check.sent > 1:
                self._conclude(check, held_without_answer(check, now), now)
            elif ask:
                self._hops.ask(check.watched.hop, now)
                self._asked.ask(check, now)

    def _conclude(self, check: Check, found: Meaning | None, now: float) -> None:
        """End a check; without a meaning it has no result."""
        self._drop(check)
        if found is None:
            return
        watched, why = check.watched, found.why
        if found.told:
            watched.why, watched.why_at = why, now
        self._results.append(
            CheckResult(watched.item.number, not why, why, found.silent, check.since, now)
        )

    def _drop(self, check: Check) -> None:
        check.watched.check = None
        check.waiting.pop(check.watched.item.number, None)
        self._asked.forget(check)
