"""What a director sees of its clients: their first packets, and what became of connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from lvsdr.core.kernel_interface import Kernel
from lvsdr.model.address import IPAddress, IPNetwork
from lvsdr.model.client_connections import (
    ConnectionQuestion,
    ConnectionsSeen,
    FirstPacket,
)
from lvsdr.model.finding import Finding
from lvsdr.model.host import Host
from lvsdr.model.ipvs import VirtualServer
from lvsdr.model.ipvs_daemons import Timeout
from lvsdr.model.objects import Key
from lvsdr.model.path import Proof
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.rules.paths import director_firewall, unanswered_clients

# How many of the first packets that came in are looked for among the connections.
_SOUGHT = 2000
_TIMEOUTS: tuple[Key, ...] = tuple((Timeout.kind, name) for name in ("tcp", "tcp_fin", "udp"))


class Hearing(Protocol):
    """What hears first packets on links."""

    def heard(self) -> list[FirstPacket]:
        """Return what came in until now."""


Hear = Callable[[Sequence[str], Sequence[IPAddress], bool], AbstractContextManager[Hearing]]
"""Hear what comes in on links for some VIPs, with or without UDP."""


class ClientTraffic:
    """What clients of a director send while it is verified, and what IPVS makes of it."""

    def __init__(
        self, profile: DirectorProfile, kernel: Kernel, host: Host, hearing: Hearing | None
    ) -> None:
        self._profile, self._kernel, self._host = profile, kernel, host
        self._hearing = hearing
        self._near = segment_networks(profile, host)

    def note(self) -> None:
        """Take what has been heard, before it is too much to keep."""
        if self._hearing is not None:
            self._hearing.heard()

    def findings(self, proofs: Sequence[Proof]) -> Iterator[Finding]:
        """Yield what the traffic shows; a standby has none of its own."""
        vips = self._profile.vips
        # Without a VIP of its own it gets by routes what a firewall marks.
        if vips and not any(self._host.held(vip) for vip in vips):
            return
        packets = self._packets()
        clients = self._profile.clients
        sought = frozenset(each.conversation for each in packets)
        question = ConnectionQuestion(self._near, clients, sought)
        now, seen = time.time(), self._kernel.connections(question)
        again = [each.conversation for each in packets if each.times > 1]
        yield from self._lost(packets, seen, now)
        yield from unanswered_clients.findings(self._profile, self._host, seen, proofs, again)

    def _packets(self) -> tuple[FirstPacket, ...]:
        heard = [] if self._hearing is None else self._hearing.heard()
        if not heard:
            return ()
        there = self._kernel.observe(_TIMEOUTS).values()
        lasts = {each.protocol: each.seconds for each in there if isinstance(each, Timeout)}
        return director_firewall.ripe(heard, time.time(), lasts)[-_SOUGHT:]

    def _lost(
        self, packets: Sequence[FirstPacket], seen: ConnectionsSeen, now: float
    ) -> Iterator[Finding]:
        lost = director_firewall.lost(
            self._profile, self._host, packets, seen, near=self._near, now=now
        )
        if lost:
            services = {(VirtualServer.kind, *each.service.key) for each in lost}
            around = director_firewall.Circumstances(
                self._kernel.routes([packet for each in lost for packet in each.routes]),
                self._kernel.counters(services),
                self._kernel.observe(director_firewall.SETTINGS),
                self._kernel.table_state(),
            )
            yield from director_firewall.findings(lost, self._host, seen, around)


@contextmanager
def watched(
    profile: DirectorProfile, kernel: Kernel, host: Host, hear: Hear | None
) -> Iterator[ClientTraffic]:
    """Give what clients send inside the block, on the links where they may come in."""
    vips = [vip for vip in profile.vips if host.held(vip)]
    links = _links(profile, host, vips) if vips else ()
    udp = any(server.service.protocol == "udp" for server in profile.virtual_servers)
    with nullcontext() if hear is None or not links else hear(links, vips, udp) as hearing:
        yield ClientTraffic(profile, kernel, host, hearing)


def seen_now(profile: Profile, kernel: Kernel, seconds: float = 0.1) -> ConnectionsSeen:
    """Return what the connections of a director say of its clients, after so long at most."""
    if not isinstance(profile, DirectorProfile) or not profile.virtual_servers:
        return ConnectionsSeen()
    near = segment_networks(profile, kernel.read_host())
    return kernel.connections(ConnectionQuestion(near, profile.clients, seconds=seconds))


def segment_networks(profile: DirectorProfile, host: Host) -> tuple[IPNetwork, ...]:
    """Return the networks of this host in which its real servers are."""
    networks, rips = (each.ip.network for each in host.addresses), profile.rips
    return tuple(
        network
        for network in dict.fromkeys(networks)
        if network.num_addresses > 1 and any(rip in network for rip in rips)
    )


def _links(profile: DirectorProfile, host: Host, vips: Iterable[IPAddress]) -> tuple[str, ...]:
    holding = (link for vip in vips for link in host.links_with(vip))
    return tuple(
        link for link in dict.fromkeys((profile.interface, *holding)) if host.speaks_arp(link)
    )
