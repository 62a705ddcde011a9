"""One request and its answer: the attempts to connect, the connection, and what is to be said."""

from __future__ import annotations

import os
from hashlib import blake2b
from time import monotonic

from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.wire.checks.tcp_client import Segment, TcpClient
from lvsdr.wire.checks.tcp_frames import frame
from lvsdr.wire.checks.watched_path import Check, Questions

# After the answer the other side has so long to close the connection before we do, and so long
# to say that it knows.
PATIENCE, LINGER = 0.2, 1.0
_TICKS, _ALL = 250_000, 0xFFFFFFFF


@dataclass(slots=True, eq=False)
class Exchange:
    """What became of one check so far; `keys` are those by which its answers are looked up,
    `attempts` the first segments that were sent.

    `client` is the connection to `mac` once there is one, from our `port`; `ports` is the key of
    what belongs to it. `over` is when the check was concluded; after that the connection is closed
    in order, and what is not known to have arrived is sent `again` then.
    """

    check: Check
    asked: Questions
    mac: bytes
    client: TcpClient | None = None
    port: bytes = b""
    ports: bytes = b""
    keys: list[bytes] = field(default_factory=list)
    attempts: list[bytes] = field(default_factory=list)
    over: float | None = None
    again: float = 0.0

    def take(self, segment: Segment, now: float) -> None:
        """Take a segment of the connection."""
        if self.client is not None:
            self.client.take(segment)
            self.check.watched.hop.heard = now

    def frames(self, ours: str) -> list[bytes]:
        """Return what the connection has to say now."""
        if self.client is None:
            return []
        return [self._frame(ours, each) for each in self.client.to_send()]

    def giving_up(self, ours: str) -> list[bytes]:
        """Return what resets the connection, if there is one."""
        if self.client is None or self.client.closed:
            return []
        return [self._frame(ours, self.client.giving_up())]

    def _frame(self, ours: str, segment: Segment) -> bytes:
        return frame(self.asked.probe, (self.mac, ours), self.port, segment)


class FirstNumbers:
    """The numbers of first segments, as RFC 6528 makes them.

    They grow with time: else a real server that remembers the last connection from this port for a
    minute would take a new one for a part of that.
    """

    def __init__(self) -> None:
        self._secret = os.urandom(32)

    def first(self, number: int, port: bytes) -> int:
        """Return the number of a first segment to a real server from one of our ports."""
        which = repr((number, port)).encode()
        chance = blake2b(which, digest_size=4, key=self._secret).digest()
        return int(monotonic() * _TICKS) + int.from_bytes(chance) & _ALL
