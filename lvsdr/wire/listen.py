"""Listen on the segment to who claims an address, in answer to a question or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from time import monotonic
from typing import Self

from lvsdr.model.address import IPAddress
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.neighbour_claim import NeighbourClaim
from lvsdr.wire.arp_nd_questions import Asker, Timed, neighbour_questions
from lvsdr.wire.frames.claim_of_frame import claim_on
from lvsdr.wire.pacing import RATE, paced
from lvsdr.wire.socket_group import SocketGroup


class Listener(Closing):
    """Receive the claims of other hosts on `addresses`, on `link`, from the start of the block.

    When the link goes down, is unplugged or deleted, `hear` raises CannotRun, and so does `reopen`
    until it is back. Broadcast and multicast frames are received; a switch does not forward here
    what one host answers to another.
    """

    def __init__(self, link: str, addresses: Iterable[IPAddress], *, rate: float = RATE) -> None:
        self._link = link
        self._addresses = frozenset(addresses)
        self._rate = rate
        self._due: deque[Timed] = deque()
        self._wire = self._opened()
        self._lost = 0

    def __enter__(self) -> Self:
        self._wire.__enter__()
        return self

    def close(self) -> None:
        """Give back what was opened."""
        self._wire.close()

    def hear(self, until: float) -> Iterator[NeighbourClaim]:
        """Yield claims until the monotonic clock reads `until`; send the questions due."""
        self._wire.wait_for_carrier(0.0)
        while self._due and self._due[0][0] <= until:
            due, question = self._due.popleft()
            yield from self._heard(due)
            self._wire.send(question)
        yield from self._heard(until)

    def ask(self, source4: IPv4Address | None, source6: IPv6Address | None) -> None:
        """Queue questions for all addresses, once in each form; `hear` sends them."""
        asked = neighbour_questions(Asker(self._wire.mac, source4, source6), self._addresses)
        start = monotonic()
        frames = (*asked.late, *asked.prompt)
        # What is left of the last time would only make it later and later.
        self._due = deque((start + due, each) for due, each in paced(frames, 1, 0.0, self._rate))

    def reopen(self) -> None:
        """Open the socket again after the link was down or gone; raise CannotRun while it is."""
        fresh = self._opened()
        fresh.__enter__()
        self._lost += self._wire.count_lost()
        self._wire.close()
        self._wire = fresh
        self._due.clear()
        self._wire.wait_for_carrier(0.0)

    def count_lost(self) -> int:
        """Return how many frames were not heard, since the last time this was asked."""
        lost, self._lost = self._lost + self._wire.count_lost(), 0
        return lost

    def _opened(self) -> SocketGroup:
        return SocketGroup(self._link, [self._addresses])

    def _heard(self, until: float) -> Iterator[NeighbourClaim]:
        for frame in self._wire.frames(until):
            claim = claim_on(self._addresses, frame)
            # Our own frame, come back through a loop of the segment, says our own MAC.
            if claim is not None and (claim.mac != self._wire.mac or claim.sender):
                yield claim
