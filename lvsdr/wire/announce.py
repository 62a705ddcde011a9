"""Announce VIPs on the segment, to update caches: by announcements, and by questions to routers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address
from time import monotonic, sleep
from typing import Self

from lvsdr.model.address import IPAddress
from lvsdr.model.closed_on_exit import Closing
from lvsdr.wire.frames import arp, neighbour_discovery
from lvsdr.wire.pacing import paced
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.vip_questions import questions


class Announcer(Closing):
    """Announce VIPs on `link`, over a socket that is opened before the first change is made.

    Entering it raises CannotRun without the privilege, and for a link on
    which an announcement reaches nobody: a loopback, IFF_NOARP, not Ethernet.
    Each of `neighbours`, the routers, is also asked in the VIPs' name: not
    every one of them heeds an announcement.
    """

    def __init__(self, link: str, neighbours: Collection[IPAddress] = ()) -> None:
        self._wire = PacketSocket(link)
        self._neighbours = neighbours

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
        mac, here = self._wire.mac, tuple(vips)
        frames = [frame for vip in here for frame in claims(mac, vip)]
        frames += questions(mac, here, self._neighbours)
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
