"""What passes through virtual and real servers: counted by the kernel, no part of any profile."""

from __future__ import annotations

from collections.abc import Mapping

from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import dataclass, fields, replace
from lvsdr.model.objects import Key


@dataclass(frozen=True, slots=True)
class Traffic:
    """How much has passed, or passes each second; with direct routing nothing goes out here."""

    connections: float = 0
    packets_in: float = 0
    packets_out: float = 0
    bytes_in: float = 0
    bytes_out: float = 0

    def since(self, earlier: Traffic, seconds: float) -> Traffic:
        """Return how much a second has passed since `earlier`, `seconds` ago, to one decimal.

        Counters that somebody has set to zero in between say nothing of it: then it is 0.
        """
        grown = (
            max(0, getattr(self, each.name) - getattr(earlier, each.name)) for each in fields(self)
        )
        return Traffic(*(round(each / seconds, 1) for each in grown))


@dataclass(frozen=True, slots=True)
class Counters:
    """Connections that are, what has passed, and what passes each second.

    `active` are established, `inactive` are opening, closing, or of UDP; `persistent` are
    templates: clients that will be sent to the same real server again.
    """

    active: int = 0
    inactive: int = 0
    persistent: int = 0
    totals: Traffic = Traffic()
    rates: Traffic = Traffic()


Counted = Mapping[Key, Counters]
"""The counters of virtual and real servers, by the keys of these."""


def rated(now: Counted, before: Counted, seconds: float) -> Counted:
    """Return `now` with the rates of the `seconds` since `before`; 0 for what is new."""
    return {
        key: replace(counted, rates=counted.totals.since(before.get(key, counted).totals, seconds))
        for key, counted in now.items()
    }


@dataclass(frozen=True, slots=True)
class Standing:
    """One real server that is drained, and what it still has.

    `comes_back` is whether the clients of its templates are sent to it again though its weight
    is 0.
    """

    server: RealServer
    counters: Counters
    comes_back: bool = False

    @property
    def flows(self) -> int:
        """Return how many flows of datagrams there may be: of these none is ever active."""
        may_be_udp = self.server.service.protocol in ("udp", "fwmark")
        return self.counters.inactive if may_be_udp else 0

    def left(self, persistent: bool) -> int:
        """Return how many connections are waited for; with `persistent`, all that are known.

        What may still bring a packet here is waited for in any case.
        """
        counted = self.counters
        if persistent:
            return counted.active + counted.inactive + counted.persistent
        return counted.active + self.flows + (counted.persistent if self.comes_back else 0)
