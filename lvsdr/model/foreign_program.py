"""Who else sets up addresses, links or IPVS on a host."""

from __future__ import annotations

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """Another program that sets up what lvsdr sets up.

    `program` is keepalived, lvs_flush, ldirectord, ifupdown, NetworkManager or systemd-networkd;
    `place` is its file; `claims` what it holds. A claim of keepalived is `VIP`, `VIP PORT`,
    `FIRST-LAST PORT` or `fwmark MARK`, in a group with ` (group NAME)` behind it; one of lvs_flush
    is the setting; the others have a link, and then the addresses that they give it if they may
    be the VIPs. `unread` says what of `place` cannot be read.
    """

    program: str
    place: str
    claims: tuple[str, ...] = ()
    unread: str = ""


@dataclass(frozen=True, slots=True)
class CheckedService:
    """A service, or several from `first` to `last`, whose real servers a program checks.

    `protocol` is tcp, udp, sctp or fwmark; `reals` are RIPs with their ports.
    """

    protocol: str
    first: IPAddress | None
    last: IPAddress | None
    port: int
    fwmark: int
    reals: frozenset[tuple[IPAddress, int]]

    def is_of(self, service: Service) -> bool:
        """Return whether it is this service."""
        if service.protocol != self.protocol:
            return False
        vip, first, last = service.vip, self.first, self.last
        if vip is None or first is None or last is None:
            return vip is first is None and service.fwmark == self.fwmark
        same = vip.version == first.version and int(first) <= int(vip) <= int(last)
        return same and service.port == self.port


@dataclass(frozen=True, slots=True)
class Checker:
    """A program that takes out of the IPVS table who does not pass its checks.

    It runs here; where it is not `running`, it would from the next boot on.
    """

    program: str
    place: str
    services: tuple[CheckedService, ...]
    running: bool = True

    def has(self, service: Service) -> bool:
        """Return whether it sets up that service."""
        return any(each.is_of(service) for each in self.services)

    def checks(self, server: RealServer) -> bool:
        """Return whether it checks a real server."""
        place = (server.rip, server.port)
        return any(place in each.reals and each.is_of(server.service) for each in self.services)
