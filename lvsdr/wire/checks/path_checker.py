"""Check real servers by the first packet of a request, along the path of a client's request.

The same as `prove_paths` asks once, asked again and again; and datagrams of the profile's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

from lvsdr.model.address import IPAddress
from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import UdpCheck
from lvsdr.wire.checks.answer_keys import OPEN, STALE, Heard, heard
from lvsdr.wire.checks.answer_meaning import (
    FORWARDS,
    Meaning,
    datagram_meaning,
    held_without_answer,
    meaning,
)
from lvsdr.wire.checks.asked_questions import AskedQuestions
from lvsdr.wire.checks.forgotten_connections import ForgottenConnections, closing
from lvsdr.wire.checks.link_checker import LinkChecker
from lvsdr.wire.checks.proxied_rips import ProxiedRips
from lvsdr.wire.checks.watched_path import Check


class PathChecker(LinkChecker):
    """Check whether the path to each real server serves: by PathCheck, or by UdpCheck."""

    def __init__(
        self, link: str, checked: Iterable[CheckedPath], witnesses: Iterable[IPAddress] = ()
    ) -> None:
        super().__init__(link, checked, witnesses)
        self._proxied = ProxiedRips(self._watched.values())
        self._asked = AskedQuestions(self._link, self._hops, self._proxied)
        self._forgotten = ForgottenConnections(self._watched.values(), monotonic())

    def _ask(self, check: Check, now: float) -> None:
        self._asked.ask(check, now)

    def _forget(self, check: Check) -> None:
        self._asked.forget(check)

    def _clear(self) -> None:
        self._asked.clear()

    def _again(self, check: Check, now: float) -> None:
        # Whoever is to answer the profile's own datagram is waited for until the end.
        plain = not isinstance(check.watched.item.check, UdpCheck)
        if plain and check.held and check.sent > 1:
            self._conclude(check, held_without_answer(check, now), now)
        else:
            super()._again(check, now)

    def _silence(self, check: Check, now: float) -> Meaning | None:
        wrong = Meaning(check.wrong, told=True) if check.wrong else None
        return wrong or super()._silence(check, now)

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

    def _answered(self, check: Check, said: Heard, now: float) -> None:
        watched = check.watched
        if not self._from_its_hop(watched.hop, said.mac, now):
            return
        asked = watched.questions
        if asked is None or said.label not in (None, asked.label):
            return
        found: Meaning | None
        if said.kind == OPEN:
            self._link.put(closing(watched, said))
            cookie = self._asked.cookies.get(said.key)
            if cookie is not None:
                found = datagram_meaning(watched.item, cookie, said.data)
                if found is not None and found.why:
                    # In a datagram nothing says that its sender has got the question: the right
                    # answer may come after a forged one.
                    check.wrong = found.why
                    return
            else:
                found = meaning(watched, said)
        elif said.kind == "expired" and not said.outer and watched.may_be_behind_proxy:
            # Once: hosts limit how many errors they send, and the next ones are needed.
            if not check.doubted:
                check.doubted = True
                self._ask(check, now)
            return
        else:
            found = meaning(watched, said)
        if found is not None:
            self._conclude(check, found, now)

    def _echoed(self, check: Check, said: Heard, now: float) -> None:
        """Take the answer to an echo, which is not the service's."""
        if not self._from_its_hop(check.watched.hop, said.mac, now):
            return
        if check.doubted:
            if said.kind == "expired":
                self._proxied.learn(check.watched)
                check.doubted = False
                self._ask(check, now)
            elif said.kind == OPEN:
                self._conclude(check, Meaning(FORWARDS, told=True), now)
        elif said.kind == OPEN:
            check.held = True
        elif (found := meaning(check.watched, said)) is not None:
            self._conclude(check, found, now)
