"""What became of a client's requests to a service, and which of its real servers answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from statistics import median
from typing import Literal

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import Service
from lvsdr.model.late_dataclasses import dataclass, field

ReplyKind = Literal["answered", "refused", "silent"]
ClientPlace = Literal["segment", "beyond"]
Unasked = Literal["", "protocol", "fwmark", "every-port", "nobody", "held", "no-source"]
ServiceVerdict = Literal["served", "partly", "refused", "silent"]

# As soon as that, an answer came to the first packet; later, to one that was sent again.
SLOW = 0.95
# The ports of UDP of which it is known what to ask there: DNS, NTP.
UDP_PORTS = frozenset({53, 123})
# The reasons of refusals that are no ICMP errors, or may be none.
BY_TCP = frozenset({"reset", "refused"})


@dataclass(frozen=True, slots=True)
class ServiceReply:
    """What became of one request: answered, refused or silent; from `mac`, where it is known.

    `reason` of a refusal is reset, or the reason of an ICMP error; of silence it is expired where a
    host said that the packet went round. `seconds` is the time to the answer.
    """

    kind: ReplyKind
    mac: str | None = None
    reason: str = ""
    seconds: float | None = None


SILENCE = ServiceReply("silent")


@dataclass(frozen=True, slots=True)
class ServiceProof:
    """The replies of one service, one for each request; none where `unasked` says why.

    `director` is the MAC that was asked, None where this host's routes led there. `expected` are
    the real servers that new connections may be given to and that can be told by `owners`, the RIPs
    of each MAC. `pinned` is what makes the director give all requests of one client to the same
    real server: its scheduler, or persistence.
    """

    service: Service
    replies: tuple[ServiceReply, ...] = ()
    director: str | None = None
    expected: tuple[IPAddress, ...] = ()
    owners: Mapping[str, tuple[IPAddress, ...]] = field(default_factory=dict)
    pinned: str = ""
    unasked: Unasked = ""

    def count(self, kind: ReplyKind) -> int:
        """Return how many requests had this reply."""
        return sum(reply.kind == kind for reply in self.replies)

    @property
    def verdict(self) -> ServiceVerdict | None:
        """Return served where all were answered, partly where some; None where nothing is known."""
        kinds = {reply.kind for reply in self.replies}
        if not kinds:
            return None
        if kinds == {"answered"}:
            return "served"
        if "answered" in kinds:
            return "partly"
        return "refused" if "refused" in kinds else "silent"

    @property
    def answerers(self) -> Mapping[str, Counter[str]]:
        """Return how many replies of each kind came from each MAC."""
        found: dict[str, Counter[str]] = {}
        for reply in self.replies:
            if reply.mac is not None and reply.kind != "silent":
                found.setdefault(reply.mac, Counter())[reply.kind] += 1
        return found

    @property
    def met(self) -> tuple[IPAddress, ...]:
        """Return the real servers of `expected` that answered or refused."""
        there = self._rips_of(self.answerers)
        return tuple(rip for rip in self.expected if rip in there)

    @property
    def not_met(self) -> tuple[IPAddress, ...]:
        """Return those that did neither: they may have been given no request."""
        there = set(self.met)
        return tuple(rip for rip in self.expected if rip not in there)

    @property
    def never_answered(self) -> tuple[IPAddress, ...]:
        """Return those of `expected` of which nothing was heard, where requests were not answered.

        None is named where no answer can be told by its MAC, nor where there are more of them than
        requests that were not answered: then some have been given none.
        """
        told = bool(self.met) or not self.answerers
        return self.not_met if told and len(self.not_met) <= self.count("silent") else ()

    @property
    def limited(self) -> bool:
        """Return whether silence may be an ICMP error that was kept back (icmp_ratelimit).

        Linux sends a host one a second, after the first six.
        """
        errors = any(r.kind == "refused" and r.reason not in BY_TCP for r in self.replies)
        return errors and bool(self.count("silent")) and not self.never_answered

    @property
    def times(self) -> tuple[float, ...]:
        """Return the seconds to each answer."""
        answered = (reply for reply in self.replies if reply.kind == "answered")
        return tuple(reply.seconds for reply in answered if reply.seconds is not None)

    @property
    def median(self) -> float | None:
        """Return the median of `times`, None without any."""
        return median(self.times) if self.times else None

    @property
    def slow(self) -> int:
        """Return how many were answered after they had been sent again."""
        return sum(seconds >= SLOW for seconds in self.times)

    def _rips_of(self, macs: Collection[str]) -> set[IPAddress]:
        return {rip for mac in macs for rip in self.owners.get(mac, ())}


@dataclass(frozen=True, slots=True)
class FirstPackets:
    """The first packets to send to `port` of `vip`, at the MAC of a director.

    From `fewest` to `most` of them: no more once each MAC of `macs` has replied. `hops` is their
    TTL.
    """

    protocol: str
    source: IPAddress
    vip: IPAddress
    port: int
    mac: str
    hops: int
    fewest: int
    most: int
    macs: frozenset[str] = frozenset()
