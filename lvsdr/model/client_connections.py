"""What IPVS's connections say of clients: who got an answer, at which real server, from where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lvsdr.model.address import IPAddress, IPNetwork
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.objects import Key

# A client asks again after a second. What is younger has not been answered yet, perhaps.
SETTLED = 3


class Conversation(NamedTuple):
    """What one client and one service say to each other; `protocol` is tcp or udp."""

    protocol: str
    client: IPAddress
    client_port: int
    vip: IPAddress
    port: int


class FirstPacket(NamedTuple):
    """A client's first packet to a service, as it came in on a link: when, and how many times."""

    conversation: Conversation
    link: str
    first: float
    last: float
    times: int = 1


class Way(NamedTuple):
    """A service as clients ask for it, one of its real servers, and where the clients are.

    `beyond` is whether they are beyond the segment of the real servers.
    """

    protocol: str
    vip: IPAddress
    port: int
    rip: IPAddress
    real_port: int
    beyond: bool


class Found(NamedTuple):
    """Where a conversation stands: its real server, its state, and seconds since it was heard."""

    rip: IPAddress
    state: str
    age: int


@dataclass(frozen=True, slots=True)
class ConnectionQuestion:
    """Which connections to look at.

    `near` are the networks of the segment, `clients` those that count besides, empty for all;
    `sought` are conversations to look for, `seconds` is how long to look at most.
    """

    near: tuple[IPNetwork, ...] = ()
    clients: tuple[IPNetwork, ...] = ()
    sought: frozenset[Conversation] = frozenset()
    seconds: float = 0.3


@dataclass(frozen=True, slots=True)
class ClientTally:
    """What became of the connections on one way, and how many seconds ago.

    `all` counts every connection, also those of which nothing can be said yet; `unanswered` those
    that never got further than the first packet, by their age; `recent` those that did, in the
    last minute, the latest of them `last_answer` seconds ago. `askers` are some of the clients
    without an answer, `served` some with one.
    """

    all: int = 0
    answered: int = 0
    recent: int = 0
    last_answer: int | None = None
    unanswered: Mapping[int, int] = field(default_factory=dict)
    askers: frozenset[IPAddress] = frozenset()
    served: frozenset[IPAddress] = frozenset()

    @property
    def without_answer(self) -> int:
        return sum(self.unanswered.values())

    @property
    def since_last_answer(self) -> int:
        """Return how many have had no answer since the last one that had."""
        last = self.last_answer
        counted = self.unanswered.items()
        return sum(number for age, number in counted if last is None or age < last)


class Share(NamedTuple):
    """How many connections never got an answer, of so many."""

    unanswered: int = 0
    connections: int = 0

    def plus(self, tally: ClientTally) -> Share:
        """Return the share with those of a tally as well."""
        unanswered = tally.without_answer
        return Share(self.unanswered + unanswered, self.connections + unanswered + tally.answered)


class ClientShares(NamedTuple):
    """The shares of clients beyond the segment, and of those on it, at one real server."""

    beyond: Share = Share()
    segment: Share = Share()


@dataclass(frozen=True, slots=True)
class ConnectionsSeen:
    """The tallies of each way, and what was found of the conversations sought.

    `looked_at` is how many connections were read; with `complete` false these are not all, but
    a sample: the kernel lists them in the order of their hashes.
    """

    tallies: Mapping[Way, ClientTally] = field(default_factory=dict)
    found: Mapping[Conversation, Found] = field(default_factory=dict)
    looked_at: int = 0
    complete: bool = True

    def shares(self, servers: Iterable[RealServer]) -> dict[Key, ClientShares]:
        """Return what is seen of the clients of each of `servers`, as far as it answers over TCP.

        Those of a firewall mark have what no virtual server with a VIP has.
        """
        known = list(servers)
        by_place = {_place(server.service, server.rip): server for server in known}
        found: dict[Key, ClientShares] = {}
        for way, tally in self.tallies.items():
            family = "inet" if way.vip.version == 4 else "inet6"
            server = (
                by_place.get((way.protocol, way.vip, way.port, way.rip))
                or by_place.get((way.protocol, way.vip, 0, way.rip))
                or by_place.get((family, way.rip))
            )
            if server is not None and (tally.answered or tally.unanswered):
                beyond, segment = found.get(server.key, ClientShares())
                if way.beyond:
                    beyond = beyond.plus(tally)
                else:
                    segment = segment.plus(tally)
                found[server.key] = ClientShares(beyond, segment)
        return found

    @property
    def extent(self) -> str:
        """Return how many were looked at, in words."""
        part = "" if self.complete else ", a sample"
        return f"{self.looked_at} connections looked at{part}"


def _place(service: Service, rip: IPAddress) -> tuple[object, ...]:
    if service.vip is None:
        return service.family, rip
    return service.protocol, service.vip, service.port, rip
