"""What addresses and routes have besides what lvsdr sets: kept, so that it can be given back.

They make no difference to a plan: an address with another broadcast address is the same address.
"""

from __future__ import annotations

from ipaddress import ip_address

from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AddressAttributes:
    """Those of an address; `protocol` says who made it, `flags` are the kernel's IFA_F_*.

    `valid_until` and `preferred_until` are seconds of CLOCK_MONOTONIC, None for ever: the time that
    the address has goes on while lvsdr holds it.
    """

    peer: str | None = None
    broadcast: str | None = None
    metric: int = 0
    protocol: int = 0
    flags: int = 0
    valid_until: int | None = None
    preferred_until: int | None = None

    def __post_init__(self) -> None:
        numbers = (self.metric, self.protocol, self.flags)
        times = (self.valid_until, self.preferred_until)
        if not all(type(each) is int for each in (*numbers, *filter(None, times))):
            raise TypeError("not the attributes of an address")
        for each in filter(None, (self.peer, self.broadcast)):
            ip_address(each)

    @property
    def limited(self) -> bool:
        """Return whether the kernel removes the address by itself one day."""
        return self.valid_until is not None

    def expired(self, now: float) -> bool:
        """Return whether the kernel would have removed the address by itself."""
        return self.valid_until is not None and self.valid_until <= now


@dataclass(frozen=True, slots=True)
class RouteAttributes:
    """Those of a route; `protocol` says who made it, `rest` has other attributes, as hex digits."""

    protocol: int
    scope: int
    rest: str = ""

    def __post_init__(self) -> None:
        if type(self.protocol) is not int or type(self.scope) is not int:
            raise TypeError("not the attributes of a route")
        bytes.fromhex(self.rest)
