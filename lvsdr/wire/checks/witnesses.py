"""Neighbours that are no real servers, such as the gateway: who hears them is not deaf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lvsdr.model.address import IPAddress
from lvsdr.wire.checks.next_hop_watch import Hop, NextHopWatch


class Witnesses:
    """Ask whether neighbours are there, and remember when one of them was heard."""

    def __init__(self, hops: NextHopWatch, sources: Mapping[IPAddress, IPAddress]) -> None:
        self._hops = hops
        self._sources = {source.version: source for source in sources.values()}
        self._asked: dict[IPAddress, Hop] = {}

    def ask(self, addresses: Iterable[IPAddress], now: float) -> None:
        """Ask each of `addresses` of whose family we have an address."""
        for address in addresses:
            source = self._sources.get(address.version)
            if source is not None:
                hop = self._asked[address] = self._hops.add(address, source)
                self._hops.ask(hop, now)

    def heard(self) -> float | None:
        """Return when one of them was heard last, by monotonic(3); None before that."""
        times = [hop.heard for hop in self._asked.values() if hop.heard >= 0]
        return max(times, default=None)
