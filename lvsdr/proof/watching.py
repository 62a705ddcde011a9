"""The third story: listen on the segment, and tell of whoever speaks in a VIP's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from time import monotonic, sleep
from typing import Protocol

from lvsdr.core.kernel_interface import Kernel
from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, WARNING
from lvsdr.model.neighbour_claim import Heard, NeighbourClaim
from lvsdr.model.profile import Profile
from lvsdr.model.watch_event import Event
from lvsdr.proof.segment_hosts import Segment, segment_of
from lvsdr.proof.verification import Ask
from lvsdr.rules.segment.answering_hosts import answers_by_address, director_macs
from lvsdr.rules.segment.claim_monitor import ClaimMonitor
from lvsdr.rules.segment.event_rate_limiter import EventRateLimiter
from lvsdr.rules.segment.unheard import UnheardFrames

_TICK = 1.0


class Ears(Protocol):
    """What hears the segment."""

    def hear(self, until: float) -> Iterator[NeighbourClaim]: ...
    def ask(self, source4: IPv4Address | None, source6: IPv6Address | None) -> None: ...
    def reopen(self) -> None: ...
    def count_lost(self) -> int: ...


OpenEars = Callable[[str, tuple[IPAddress, ...]], AbstractContextManager[Ears]]
"""Begin to listen on a link, for what is said in the name of these addresses."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to watch, how, and until when; times in seconds, None for ever and never."""

    profile: Profile
    link: str | None = None
    seconds: float | None = None
    ask_every: float | None = None
    macs: frozenset[str] = frozenset()
    dips: tuple[IPAddress, ...] = ()


@dataclass(slots=True)
class Watch:
    """One watch over a segment; `tell` gets each event at once, `begun` is told the link;
    `over` ends it early.

    `alarmed` says whether anybody spoke who must not, also where that was only counted.
    """

    wanted: Wanted
    kernel: Kernel
    tell: Callable[[Event], None]
    begun: Callable[[str], None] = lambda _: None
    over: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = monotonic
    alarmed: bool = False
    wait: Callable[[float], None] = sleep
    _down: bool = False
    _looked: float = float("-inf")
    _held: frozenset[IPAddress] = frozenset()
    _segment: Segment = field(init=False)
    _limiter: EventRateLimiter = field(init=False)
    _unheard: UnheardFrames = field(init=False)

    def run(self, ears: OpenEars, ask: Ask) -> None:
        """Ask once, to know the hosts; then listen until it is over.

        Raises CannotRun where it cannot begin. A link that goes away later is an event.
        """
        wanted = self.wanted
        self._segment = segment_of(
            wanted.profile, self.kernel.read_host(), wanted.link, wanted.dips
        )
        question = self._segment.question
        self._limiter = EventRateLimiter(self.clock())
        self._unheard = UnheardFrames(self._segment.link)
        with ears(self._segment.link, question.addresses) as listening:
            # The answers are heard twice, here and by the one who listens: nothing is missed.
            heard = ask(question)
            monitor = self._monitor(heard)
            self.begun(self._segment.link)
            try:
                self._lost(heard.lost, monitor)
                for doubt in monitor.doubts():
                    # Of what was not heard, silence proves nothing.
                    if not (heard.lost and doubt.rule.endswith("-NOBODY")):
                        self._take(doubt)
                self._listen(listening, monitor)
            finally:
                for event in monitor.due(float("inf")):
                    self._take(event)
                for event in self._limiter.rest():
                    self.tell(event)
                self._tell(self._unheard.rest())

    def _listen(self, ears: Ears, monitor: ClaimMonitor) -> None:
        question = self._segment.question
        now = self.clock()
        end = None if self.wanted.seconds is None else now + self.wanted.seconds
        ask_at = now + (self.wanted.ask_every or 0.0)
        while not self.over() and (end is None or now < end):
            if self.wanted.ask_every and now >= ask_at:
                ears.ask(question.source4, question.source6)
                ask_at = now + self.wanted.ask_every
            until = now + _TICK if end is None else min(end, now + _TICK)
            self._hear(ears, monitor, until)
            now = self.clock()
            if not self._down:
                self._lost(ears.count_lost(), monitor)
            for event in monitor.due(now):
                self._take(event)
            for event in self._limiter.due(now):
                self.tell(event)

    def _monitor(self, heard: Heard) -> ClaimMonitor:
        segment = self._segment
        owners, spoken = segment.mac_owners(heard.answers), answers_by_address(heard.answers)
        answered = {vip: director_macs(vip, spoken.get(vip, ()), owners) for vip in segment.vips}
        return ClaimMonitor(
            owners,
            answered,
            rips=segment.rips,
            told=self.wanted.macs,
            dips=frozenset(owners.dips),
            holds=self._holds,
        )

    def _hear(self, ears: Ears, monitor: ClaimMonitor, until: float) -> None:
        try:
            if self._down:
                ears.reopen()
                self._link_is("UP", "is up again: what was said meanwhile was not heard")
            for spoken in ears.hear(until):
                event = monitor.hear(spoken, self.clock())
                if event is not None:
                    self._take(event)
        except CannotRun as failure:
            if not self._down:
                self._link_is("DOWN", f"cannot be listened on: {failure.message}")
            self.wait(max(0.0, until - self.clock()))

    def _lost(self, lost: int, monitor: ClaimMonitor) -> None:
        now = self.clock()
        if lost:
            monitor.missed(now)
        self._tell(self._unheard.take(lost, now))

    def _tell(self, event: Event | None) -> None:
        if event is not None:
            self.tell(event)

    def _link_is(self, state: str, message: str) -> None:
        link = self._segment.link
        self._down = state == "DOWN"
        look = f"ip link show {link}"
        self._take(Event(f"LINK-{state}", WARNING, f"{link} {message}", look=look))

    def _take(self, event: Event) -> None:
        self.alarmed = self.alarmed or event.severity == ERROR
        self._tell(self._limiter.take(event))

    def _holds(self, vip: IPAddress) -> bool:
        """Return whether this host holds `vip`; the kernel is asked once a second at most.

        A director gives its VIPs up, and a standby takes them, while we watch.
        """
        now = self.clock()
        if now - self._looked >= _TICK:
            self._segment = replace(self._segment, host=self.kernel.read_host())
            self._held, self._looked = self._segment.held, now
        return vip in self._held
