"""The MAC addresses of next hops, watched without waiting: a host that has another one is followed.

Two hosts may answer for one address. The MAC in use stays as long as it is heard; another one takes
its place once the one in use says nothing though it was asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.path import RealServerRoute
from lvsdr.wire.checks.budget import Budget
from lvsdr.wire.checks.check_link import CheckLink
from lvsdr.wire.frames import arp, neighbour_discovery
from lvsdr.wire.frames.claim_of_frame import decode
from lvsdr.wire.frames.ethernet import ARP, FrameError, mac_bytes, mac_text
from lvsdr.wire.pacing import RATE
from lvsdr.wire.paths.next_hops import unicast_question

# Each is asked anew after so many seconds; while nobody answers no more often than this, and still
# less often after some tries, where nobody wants to know: all hosts of the segment hear it.
_REFRESH, _GAP, _LONG_GAP, _TRIES = 30.0, 0.03, 0.3, 20
# So long the MAC in use may take to say that it is still there.
_GRACE = 0.06
_ETHERTYPE_ARP = ARP.to_bytes(2)


@dataclass(slots=True, eq=False)
class Hop:
    """One next hop: its MAC in use, since when that is so, and when it was heard, by monotonic(3).

    `heard` is when anything was heard of the MAC in use, `tries` how often it was asked in vain.
    `same` are other MACs that answer for it when they are asked alone: of a bond each link may
    send. `rival` is a MAC that wants to take its place, since `rivalled`.
    """

    address: IPAddress
    source: IPAddress
    mac: bytes = b""
    since: float = 0.0
    heard: float = -1.0
    asked: float = -1.0
    tries: int = 0
    same: set[bytes] = field(default_factory=set)
    rival: bytes = b""
    rivalled: float = 0.0


class NextHopWatch:
    """Ask for next hops over `link`, and keep what they answer."""

    def __init__(self, link: CheckLink, hops: Mapping[IPAddress, IPAddress], now: float) -> None:
        """`hops` are the next hops, each with an address of this host to ask from."""
        self._link = link
        self.hops = {address: Hop(address, source) for address, source in hops.items()}
        self._by_bytes = {address.packed: hop for address, hop in self.hops.items()}
        self._budget = Budget(RATE, now)
        # When to ask which hop anew, the first one first.
        self._turns = deque((now, hop) for hop in self.hops.values())
        self._rivalled: set[IPAddress] = set()
        self._suspects: dict[IPAddress, bytes] = {}
        self.changed: list[Hop] = []

    def add(self, address: IPAddress, source: IPAddress) -> Hop:
        """Return the hop at an address, which is watched from now on."""
        hop = self.hops.get(address)
        if hop is None:
            hop = self.hops[address] = Hop(address, source)
            self._by_bytes[address.packed] = hop
            self._turns.appendleft((0.0, hop))
            self._link.hear_of([address])
        return hop

    def ask(self, hop: Hop, now: float, *, often: bool = False) -> bool:
        """Ask all who has a hop's address; return whether that was done, and not just before.

        It is asked `often` as long as it is in doubt whether the real server serves: after an
        outage one that has lost our MAC address learns it from our question, and of those few get
        through where frames are lost.
        """
        gap = _GAP if often or hop.tries < _TRIES else _LONG_GAP
        if now - hop.asked < gap or self._budget.spent(now) or self._link.deaf:
            return False
        hop.asked, hop.tries = now, hop.tries + 1
        self._budget.spend(1)
        self._link.put([self._question(hop)])
        return True

    def ask_alone(self, hop: Hop, mac: bytes, times: int = 1) -> None:
        """Ask one MAC alone whether it is a hop: what that answers, nobody else has answered."""
        frame = unicast_question(self._link.mac, mac_text(mac), hop.address, self._sources(hop))
        self._budget.spend(times)
        self._link.put([frame] * times)

    def suspect(self, hop: Hop, mac: bytes) -> None:
        """Ask a MAC that has answered in place of the one that was asked, whether it is the hop."""
        if self._suspects.get(hop.address) != mac:
            self._suspects[hop.address] = mac
            self.ask_alone(hop, mac)

    def hear(self, frames: Iterable[bytes], now: float) -> None:
        """Take what is claimed of the hops; those with another MAC are in `changed` then."""
        for frame in frames:
            # Before a frame is decoded: most of what a segment says is of others.
            if frame[12:14] == _ETHERTYPE_ARP:
                hop = self._by_bytes.get(frame[28:32])
            else:
                hop = self._by_bytes.get(frame[62:78]) or self._by_bytes.get(frame[22:38])
            if hop is None:
                continue
            try:
                claim = decode(frame)
            except FrameError:
                continue
            if claim.address == hop.address:
                self._claimed(hop, mac_bytes(claim.mac), frame[6:12], now)

    def pass_time(self, now: float) -> None:
        """Ask anew whom it is time for, and decide between two MACs; see `changed`."""
        for address in tuple(self._rivalled):
            hop = self.hops[address]
            if now - hop.rivalled >= _GRACE:
                self._rivalled.discard(address)
                if hop.heard < hop.rivalled:
                    self._use(hop, hop.rival, now)
                hop.rival = b""
        while self._turns and self._turns[0][0] <= now:
            hop = self._turns[0][1]
            recent = hop.asked >= 0 and now - hop.asked < _REFRESH / 2
            if not recent and not self.ask(hop, now):
                break
            self._turns.popleft()
            self._turns.append((now + _REFRESH, hop))

    def due(self, now: float) -> float:
        """Return when time has to be passed at the latest."""
        rivals = [self.hops[address].rivalled + _GRACE for address in self._rivalled]
        turn = [max(now + 0.01, when) for when, _ in self._first()]
        return min([*rivals, *turn, now + _REFRESH])

    def _first(self) -> list[tuple[float, Hop]]:
        return [self._turns[0]] if self._turns else []

    def _claimed(self, hop: Hop, mac: bytes, sender: bytes, now: float) -> None:
        suspect = self._suspects.get(hop.address)
        if suspect is not None and suspect in (mac, sender):
            del self._suspects[hop.address]
            hop.same.add(suspect)
            self.changed.append(hop)
        if not hop.mac:
            self._use(hop, mac, now)
        elif hop.mac in (mac, sender):
            hop.heard, hop.tries = now, 0
        elif mac not in hop.same and mac != hop.rival:
            hop.rival, hop.rivalled = mac, now
            self._rivalled.add(hop.address)
            self.ask_alone(hop, hop.mac, times=2)

    def _use(self, hop: Hop, mac: bytes, now: float) -> None:
        hop.mac, hop.since, hop.heard, hop.tries = mac, now, now, 0
        hop.same.clear()
        self.changed.append(hop)

    def _question(self, hop: Hop) -> bytes:
        """Return the question to all: in our name and in nobody's in turns, as some hear but one.

        A host with a strict reverse-path filter hears no sender of another subnet.
        """
        mac, address = self._link.mac, hop.address
        if isinstance(address, IPv6Address):
            assert isinstance(hop.source, IPv6Address), "a hop is asked from its own family"
            asked = neighbour_discovery.question(mac, hop.source, address)
            return neighbour_discovery.multicast(mac, asked)
        if hop.tries % 2 == 0 or not isinstance(hop.source, IPv4Address):
            return arp.broadcast(arp.probe(mac, address))
        return arp.broadcast(arp.question(mac, hop.source, address))

    def _sources(self, hop: Hop) -> tuple[IPv4Address | None, IPv6Address | None]:
        return None, hop.source if isinstance(hop.source, IPv6Address) else None


def sources_of_hops(routes: Iterable[RealServerRoute]) -> dict[IPAddress, IPAddress]:
    """Return each next hop of `routes` with an address of this host to ask from."""
    return {route.next_hop: route.source for route in routes}
