"""Several packet sockets on one link: a flood of one kind of frames takes no room from another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from select import POLLIN, poll
from time import monotonic
from typing import Self

from lvsdr.model.address import IPAddress
from lvsdr.model.closed_on_exit import Closing
from lvsdr.wire.frames import ethernet
from lvsdr.wire.packet_filters import WAYS
from lvsdr.wire.packet_socket import BACKLOG, PacketSocket

# Of what had come when the time was over so much is read: a busy host is late, a flood never ends.
_LATE = 4000


class SocketGroup(Closing):
    """Send on `link`, and receive what is said of each of `groups`: sockets of their own for each.

    One has what is sent to this host, and one what is sent to all. Entering it raises CannotRun.
    """

    def __init__(self, link: str, groups: Iterable[Iterable[IPAddress]]) -> None:
        asked = [frozenset(group) for group in groups]
        self._wires = [
            PacketSocket(link, *ethertypes(group), about=group, way=way)
            for group in asked
            if group
            for way in WAYS
        ]
        # Of what one call received the caller may not have wanted more yet.
        self._taken: deque[bytes] = deque()
        self._behind = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for wire in self._wires:
                stack.enter_context(wire)
            self._open = stack.pop_all()
        self._poll = poll()
        self._by_number = {wire.fileno(): wire for wire in self._wires}
        for number in self._by_number:
            self._poll.register(number, POLLIN)
        return self

    def close(self) -> None:
        """Give back what was opened."""
        self._open.close()

    @property
    def mac(self) -> str:
        """The MAC address of the link."""
        return self._wires[0].mac

    def wait_for_carrier(self, seconds: float = 1.0) -> None:
        """Return once the link has a carrier; raise NoCarrier if it has none within `seconds`."""
        self._wires[0].wait_for_carrier(seconds)

    def send(self, frame: bytes) -> None:
        """Send one whole frame; wait a little where the link's queue is full."""
        self._wires[0].send(frame)

    def send_all(self, frames: Sequence[bytes]) -> None:
        """Send whole frames one after the other, as `send` does, in fewer system calls."""
        self._wires[0].send_all(frames)

    def frames(self, until: float) -> Iterator[bytes]:
        """Yield whole frames until the monotonic clock reads `until`, of each socket in turn.

        A few frames that were queued before `until` are yielded after it.
        """
        yield from self._left()
        late = 0
        while late < BACKLOG:
            left = max(0.0, until - monotonic())
            came = self._take(left)
            if monotonic() >= until:
                if not came:
                    return
                late += came
            yield from self._left()

    def rest(self) -> Iterator[bytes]:
        """Yield what is queued, but not without end; what is left then counts as lost, once."""
        yield from self._left()
        read = 0
        while self._poll.poll(0):
            if read >= _LATE:
                self._behind += 1
                return
            read += self._take(0.0)
            yield from self._left()

    def _take(self, seconds: float) -> int:
        """Wait so long for frames; return how many have been taken, some of each socket."""
        for number, _ in self._poll.poll(seconds * 1000):
            self._taken += self._by_number[number].taken()
        return len(self._taken)

    def _left(self) -> Iterator[bytes]:
        while self._taken:
            yield self._taken.popleft()

    def count_lost(self) -> int:
        """Return how many frames were not received, since the last time this was asked."""
        lost, self._behind = self._behind, 0
        return lost + sum(wire.count_lost() for wire in self._wires)


def ethertypes(addresses: Iterable[IPAddress]) -> set[int]:
    """Return the EtherTypes of the protocols that resolve `addresses`."""
    return {ethernet.ARP if address.version == 4 else ethernet.IPV6 for address in addresses}
