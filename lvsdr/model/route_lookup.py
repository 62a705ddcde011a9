"""What the kernel would do with a packet: the question and the answer of `ip route get`."""

from __future__ import annotations

from dataclasses import dataclass

from lvsdr.model.address import IPAddress, IPNetwork


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet whose way is asked for: sent by this host, or arriving on a link (with a source)."""

    destination: IPAddress
    source: IPAddress | None = None
    arriving: str | None = None


GONE = "gone"


@dataclass(frozen=True, slots=True)
class RouteTo:
    """Where a packet would go; without a route, `kind` says so and the rest is None.

    GONE where the link on which it was to arrive is no longer there.

    `kind` is the kernel's word for a route that it has: unicast, local, broadcast, multicast.
    Else it is blackhole, unreachable or prohibit, as the kernel tells them apart for a packet of
    its own; refused for one that arrives and fails the reverse-path filter. `unreachable` also
    stands for no route at all. `source` is the address from which the host itself would send.
    """

    kind: str
    link: str | None = None
    gateway: IPAddress | None = None
    source: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class UnicastRoute:
    """The unicast route by which a packet would leave: `network` is the route's own destination."""

    network: IPNetwork
    link: str
    gateway: IPAddress | None = None
    metric: int = 0


TAKEN, REFUSED, RETURNED, SILENT = "taken", "refused", "returned", "silent"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a packet: taken, refused, returned, or silent; `by` is who said so."""

    kind: str
    by: IPAddress | None = None
