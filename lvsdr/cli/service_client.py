"""A client of services, that tells how far it is: by first packets, or by connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.model.service_proof import FirstPackets, ServiceReply


Bar = Callable[[str], AbstractContextManager[Callable[[float], None]]]


class ServiceClient:
    """Ask services at `rate` frames a second at most, while `bar` shows how much is done."""

    def __init__(self, rate: float, bar: Bar) -> None:
        self._rate, self._bar = rate, bar

    def first_packets(
        self, link: str, wanted: Sequence[FirstPackets]
    ) -> Sequence[Sequence[ServiceReply]]:
        """Send first packets out of `link`, and return the replies to each of `wanted`."""
        from lvsdr.wire.service_probes import ask_first_packets

        with self._bar("asking the services") as progress:
            return ask_first_packets(link, wanted, rate=self._rate, progress=progress)

    def connections(
        self, targets: Sequence[tuple[IPAddress, int]], times: int
    ) -> Sequence[Sequence[ServiceReply]]:
        """Connect to each of `targets` so many times, and return the replies to each."""
        from lvsdr.wire.tcp_connections import connect_often

        with self._bar("connecting to the services") as progress:
            return connect_often(targets, times, progress=progress)
