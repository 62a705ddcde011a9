"""What the kernel would do with a packet: the answer to `ip route get`."""

from __future__ import annotations

from dataclasses import dataclass

from lvsdr.model.address import IPAddress


@dataclass(frozen=True, slots=True)
class RouteTo:
    """Where a packet would go; without a route, `kind` says so and the rest is None.

    `kind` is the kernel's word for a route that it has: unicast, local, broadcast, multicast.
    Else it is blackhole, unreachable or prohibit, as the kernel tells them apart for a packet of
    its own; refused for one that arrives and fails the reverse-path filter. `unreachable` also
    stands for no route at all. `source` is the address from which the host itself would send.
    """

    kind: str
    link: str | None = None
    gateway: IPAddress | None = None
    source: IPAddress | None = None
