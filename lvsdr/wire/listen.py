"""Listen on the segment: who speaks in the name of an address, asked or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from time import monotonic
from typing import Self

from lvsdr.model.address import IPAddress
from lvsdr.model.closing import Closing
from lvsdr.model.watch_event import Spoken, Utterance
from lvsdr.wire.frames import arp, ethernet, neighbour_discovery
from lvsdr.wire.frames.ethernet import Frame, FrameError
from lvsdr.wire.packet_socket import RATE, PacketSocket, paced
from lvsdr.wire.questions import Asker, Timed, questions
from lvsdr.wire.who_has import ethertypes


class Listener(Closing):
    """All that is said on `link` in the name of `addresses` by other hosts, from entering on.

    Where the link goes down, is pulled or deleted, `hear` raises CannotRun, and so does `reopen`
    until it is back. Every frame of the segment's groups is heard; of answers to others, a switch
    lets none pass.
    """

    def __init__(self, link: str, addresses: Iterable[IPAddress], *, rate: float = RATE) -> None:
        self._link = link
        self._addresses = frozenset(addresses)
        self._rate = rate
        self._due: deque[Timed] = deque()
        self._wire = self._opened()

    def __enter__(self) -> Self:
        self._wire.__enter__()
        return self

    def close(self) -> None:
        """Give back what was opened."""
        self._wire.close()

    def hear(self, until: float) -> Iterator[Spoken]:
        """Yield what is said until the monotonic clock reads `until`, and go on asking."""
        self._wire.wait_for_carrier(0.0)
        while self._due and self._due[0][0] <= until:
            due, question = self._due.popleft()
            yield from self._heard(due)
            self._wire.send(question)
        yield from self._heard(until)

    def ask(self, source4: IPv4Address | None, source6: IPv6Address | None) -> None:
        """Ask for all addresses once in each form, while listening; who answers is heard."""
        asked = questions(Asker(self._wire.mac, source4, source6), self._addresses)
        start = monotonic()
        frames = (*asked.late, *asked.prompt)
        # What is left of the last time would only make it later and later.
        self._due = deque((start + due, each) for due, each in paced(frames, 1, 0.0, self._rate))

    def reopen(self) -> None:
        """Listen again on a link that was down or gone; raise CannotRun while it is."""
        fresh = self._opened()
        fresh.__enter__()
        self._wire.close()
        self._wire = fresh
        self._due.clear()
        self._wire.wait_for_carrier(0.0)

    def _opened(self) -> PacketSocket:
        return PacketSocket(self._link, *ethertypes(self._addresses))

    def _heard(self, until: float) -> Iterator[Spoken]:
        for frame in self._wire.frames(until):
            found = spoken(frame, self._addresses)
            # Our own frame, come back through a loop of the segment.
            if found is not None and found.mac != self._wire.mac:
                yield found


def spoken(data: bytes, addresses: frozenset[IPAddress]) -> Spoken | None:
    """Return in the name of which of `addresses` a frame speaks, or None.

    The MAC address inside counts, for it is the one that caches learn; that of the frame only
    where there is none inside.
    """
    try:
        frame = ethernet.decode(data)
        read = {ethernet.ARP: _arp, ethernet.IPV6: _nd}.get(frame.ethertype)
        found = read(frame) if read else None
    except FrameError:
        return None
    return found if found and found.address in addresses else None


def _arp(frame: Frame) -> Spoken:
    packet = arp.decode(frame.payload)
    if packet.sender_ip == packet.target_ip:
        return Spoken(packet.sender_ip, packet.sender_mac, "announcement")
    form: Utterance = "request" if packet.operation == arp.REQUEST else "reply"
    return Spoken(packet.sender_ip, packet.sender_mac, form)


def _nd(frame: Frame) -> Spoken:
    message = neighbour_discovery.decode(frame.payload)
    mac = message.mac or frame.source
    if isinstance(message, neighbour_discovery.Solicitation):
        return Spoken(message.source, mac, "request")
    announces = message.override and not message.solicited
    return Spoken(message.target, mac, "announcement" if announces else "reply")
