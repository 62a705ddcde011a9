"""The host of a container, as far as it has a part in what becomes of the container's VIPs."""

from __future__ import annotations

from lvsdr.model.address import IPAddress
from lvsdr.model.host import Host
from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContainerHost:
    """The host; `port` is its end of the container's cable, `rips` the container's addresses.

    `arrival` is the link on which the host gets what is sent to the RIPs, where it is no part of a
    bridge with the container.
    """

    port: str
    rips: tuple[IPAddress, ...]
    arrival: str | None
    host: Host

    @property
    def gate(self) -> str:
        """Return the link through which the host itself reaches the container."""
        return gate_of(self.port, self.host)


def gate_of(port: str, host: Host) -> str:
    """Return the link that speaks for the host's end of a cable: its bridge, or itself.

    A port of a bridge speaks no ARP and has no routes.
    """
    link = host.links[port]
    return str(link.master) if link.enslaved else link.name
