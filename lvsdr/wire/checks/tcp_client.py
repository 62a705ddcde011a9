"""The client's side of one TCP connection (RFC 9293): a request goes out, its answer comes in.

As much of it as that takes: what comes in order, twice or out of order is put together, and each is
acknowledged; what goes out is sent again until it is. There is no congestion to control with one
request. The caller keeps the clock, and says when to send again.
"""

from __future__ import annotations

from lvsdr.model.late_dataclasses import dataclass, field

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
WINDOW = 16384
# What comes out of order is kept for so many segments.
_KEPT = 32
_HALF, _ALL = 1 << 31, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment to send or received; `number` and `acknowledged` as they are in its header."""

    flags: int
    number: int
    acknowledged: int
    data: bytes = b""


def ahead(one: int, other: int) -> int:
    """Return by how much one sequence number is ahead of another; negative where it is behind."""
    return (one - other + _HALF & _ALL) - _HALF


@dataclass(slots=True, eq=False)
class TcpClient:
    """A connection that is established: `first` is the number of the first byte of `request`.

    `expected` is the number of the next byte to come, `came` what has come in order, `ended`
    whether that is all. `reset` is True once the other side has given it up. Data goes out in
    pieces of at most `piece` bytes.
    """

    first: int
    request: bytes
    expected: int
    piece: int
    came: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: bool = False
    closing: bool = False
    _acknowledged: int = 0
    _sent: bool = False
    _answer: bool = False
    _early: dict[int, tuple[bytes, bool]] = field(default_factory=dict)

    def take(self, segment: Segment) -> None:
        """Take a segment of the other side."""
        if segment.flags & RST:
            # Only in the window: others may guess the ports (RFC 9293, 3.10.7.4).
            self.reset = self.reset or 0 <= ahead(segment.number, self.expected) <= WINDOW
            return
        if segment.flags & ACK:
            done = ahead(segment.acknowledged, self.first)
            if self._acknowledged < done <= len(self.request) + self.closing:
                self._acknowledged = done
        ends = bool(segment.flags & FIN)
        if segment.flags & SYN:
            # Our acknowledgment got lost.
            self._answer = True
        elif segment.data or ends:
            self._answer = True
            self._keep(segment.number, segment.data, ends=ends)

    def again(self) -> None:
        """Send what is not acknowledged once more."""
        self._sent = False

    def close(self) -> None:
        """Send no more, and say so."""
        if not self.closing:
            self.closing, self._sent = True, False

    @property
    def closed(self) -> bool:
        """Whether both sides have said that they send no more, and that they know it."""
        return self.reset or (self.ended and self.closing and self._all_acknowledged)

    def to_send(self) -> list[Segment]:
        """Return what is to be sent now."""
        if self.reset:
            return []
        found = [] if self._sent or self._all_acknowledged else self._unacknowledged()
        self._sent = True
        if self._answer and not found:
            number = self.first + self._acknowledged
            if self.closing:
                number = self.first + len(self.request) + 1
            found = [Segment(ACK, number & _ALL, self.expected)]
        self._answer = False
        return found

    def giving_up(self) -> Segment:
        """Return the segment that resets the connection."""
        end = self.first + len(self.request) + self.closing
        return Segment(RST | ACK, end & _ALL, self.expected)

    @property
    def _all_acknowledged(self) -> bool:
        return self._acknowledged >= len(self.request) + self.closing

    def _unacknowledged(self) -> list[Segment]:
        found = []
        for at in range(self._acknowledged, len(self.request), self.piece):
            data = self.request[at : at + self.piece]
            found.append(Segment(PSH | ACK, self.first + at & _ALL, self.expected, data))
        if self.closing:
            end = self.first + len(self.request) & _ALL
            found.append(Segment(FIN | ACK, end, self.expected))
        return found

    def _keep(self, number: int, data: bytes, *, ends: bool) -> None:
        """Keep what came, and put what is in order behind the rest."""
        known, early = self._early.get(number, (b"", False)), ahead(number, self.expected)
        # What is expected is always taken: of a flood of others it would else be shut out.
        if early > WINDOW or (early > 0 and len(self._early) >= _KEPT):
            return
        if len(data) >= len(known[0]):
            self._early[number] = data, ends or known[1]
        while (ready := self._ready()) is not None:
            data, ends = self._early.pop(ready)
            rest = data[ahead(self.expected, ready) :]
            self.came += rest
            self.expected = self.expected + len(rest) & _ALL
            if ends and not self.ended and ready + len(data) & _ALL == self.expected:
                self.ended, self.expected = True, self.expected + 1 & _ALL

    def _ready(self) -> int | None:
        """Return the number of a segment kept that begins no later than what is expected."""
        return next((each for each in self._early if ahead(each, self.expected) <= 0), None)
