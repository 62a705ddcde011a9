"""The host of a container, as far as it has a part in what becomes of the container's VIPs."""

from __future__ import annotations

from dataclasses import dataclass

from lvsdr.model.address import IPAddress
from lvsdr.model.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Outside:
    """The host; `port` is its end of the container's cable, `rips` the container's addresses.

    `arrival` is the link on which the host gets what is sent to the RIPs, where it is no part of a
    bridge with the container.
    """

    port: str
    rips: tuple[IPAddress, ...]
    arrival: str | None
    host: Inspection

    @property
    def gate(self) -> str:
        """The link through which the host itself reaches the container: the port's bridge, or it.

        A port of a bridge speaks no ARP and has no routes.
        """
        link = self.host.survey.links[self.port]
        return str(link.master) if link.enslaved else link.name
