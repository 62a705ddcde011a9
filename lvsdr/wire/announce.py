"""Announce VIPs on the segment (gratuitous ARP, unsolicited advertisements), to update caches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from time import monotonic, sleep
from typing import Self

from lvsdr.model.address import IPAddress
from lvsdr.model.closed_on_exit import Closing
from lvsdr.wire.frames import arp, neighbour_discovery
from lvsdr.wire.packet_socket import PacketSocket, paced


class Announcer(Closing):
    """Announce VIPs on `link`, over a socket that is opened before the first change is made.

    Entering it raises CannotRun without the privilege, and for a link on
    which an announcement reaches nobody: a loopback, IFF_NOARP, not Ethernet.
    """

    def __init__(self, link: str) -> None:
        self._wire = PacketSocket(link)

    def __enter__(self) -> Self:
        self._wire.__enter__()
        return self

    def close(self) -> None:
        """Give back what was opened."""
        self._wire.close()

    def announce(self, vips: Iterable[IPAddress], *, count: int = 3, interval: float = 0.1) -> None:
        """Announce `vips` at this link's MAC address, `count` times, `interval` seconds apart.

        Returns after the last frame. Raises CannotRun when the link goes down.
        """
        frames = [frame for vip in vips for frame in claims(self._wire.mac, vip)]
        start = monotonic()
        for due, frame in paced(frames, count, interval):
            sleep(max(0.0, start + due - monotonic()))
            self._wire.send(frame)


def claims(mac: str, vip: IPAddress) -> Iterator[bytes]:
    """Yield the frames that claim `vip` for `mac`, once each."""
    if isinstance(vip, IPv4Address):
        # Some caches heal by the one form only, some by the other.
        yield arp.broadcast(arp.gratuitous_request(mac, vip))
        yield arp.broadcast(arp.gratuitous_reply(mac, vip))
    else:
        yield neighbour_discovery.multicast(mac, neighbour_discovery.unsolicited(mac, vip))
