"""What the kernel would do with a packet: the question and the answer of `ip route get`."""

from __future__ import annotations

from lvsdr.model.address import IPAddress, IPNetwork
from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet to look up: sent by this host, or arriving on a link, with a source.

    `leaving` is the VRF whose table this host is to look into, for a packet that it sends.
    """

    destination: IPAddress
    source: IPAddress | None = None
    arriving: str | None = None
    leaving: str | None = None


GONE = "gone"


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a packet goes next: out of `link`, to `gateway`, or where there is none to its end."""

    link: str | None
    gateway: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class RouteTo:
    """The route that a packet would take; where there is none, `kind` says why.

    `kind` is the kernel's word for the type of the route: unicast, local, broadcast, multicast;
    or, for a packet that goes nowhere, blackhole, unreachable (also where there is no route) or
    prohibit; refused where it arrives and fails the reverse-path filter, which Linux 7.2 calls a
    blackhole; GONE where the link on
    which it was to arrive is no longer there. `source` is the address that this host would send
    from. `shares` are the next hops of a route that has several, known for a packet that this host
    sends with a source.
    """

    kind: str
    link: str | None = None
    gateway: IPAddress | None = None
    source: IPAddress | None = None
    shares: tuple[Hop, ...] = ()

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Return every next hop that such packets may take."""
        return self.shares or (Hop(self.link, self.gateway),)


@dataclass(frozen=True, slots=True)
class UnicastRoute:
    """The unicast route by which a packet would leave: `network` is the route's destination."""

    network: IPNetwork
    link: str
    gateway: IPAddress | None = None
    metric: int = 0


TAKEN, REFUSED, RETURNED, SILENT = "taken", "refused", "returned", "silent"


@dataclass(frozen=True, slots=True)
class ForwardingOutcome:
    """What became of a packet: taken, refused, returned or silent; `by` is who said so."""

    kind: str
    by: IPAddress | None = None
