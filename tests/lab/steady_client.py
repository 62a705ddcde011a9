"""A client as a program of its own: requests at a steady rate, whatever became of those before.

Run as `python -I steady_client.py ADDRESS PORT SECONDS`, which is from one request to the next. It
asks until its standard input ends, waits for what is under way, and prints a line for each request:
when it was sent, how long it took, and `ok`, or why it was lost. A time in which this program
itself stood still, since another guest had the machine, is no time of the request.
"""

from __future__ import annotations

import selectors
import socket
import sys
from time import monotonic

LONGEST = 4.0
# Longer than it takes a loop that is not kept from running.
STILL = 0.1


class Client:
    """The requests under way, each with when it was sent and how long this program stood still."""

    def __init__(self, address: str, port: int, every: float) -> None:
        self._where, self._every = (address, port), every
        self._open: dict[socket.socket, tuple[float, float]] = {}
        self._selector = selectors.DefaultSelector()
        self._still, self._looked = 0.0, monotonic()

    def run(self) -> None:
        """Ask until standard input ends, and wait for what is under way."""
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        due, more = monotonic(), True
        while more or self._open:
            if more and monotonic() >= due:
                # What was not sent in time is not caught up with: a burst is no steady rate.
                due = max(due + self._every, monotonic() - STILL)
                self._ask()
            rest = max(0.0, due - monotonic()) if more else 0.050
            for key, _ in self._selector.select(rest):
                if key.fileobj is sys.stdin:
                    # Nothing is ever written to it: it has ended.
                    more = False
                    self._selector.unregister(sys.stdin)
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._take(key.fileobj)
            self._look()

    def _look(self) -> None:
        """Note how long it stood still, and give up what takes too long."""
        now = monotonic()
        if now - self._looked > STILL:
            self._still += now - self._looked
        self._looked = now
        for asking, (sent, still) in list(self._open.items()):
            if now - sent - (self._still - still) > LONGEST:
                self._done(asking, "timed-out")

    def _ask(self) -> None:
        asking = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._open[asking] = monotonic(), self._still
        asking.connect_ex(self._where)
        self._selector.register(asking, selectors.EVENT_READ)

    def _take(self, asking: socket.socket) -> None:
        try:
            said = asking.recv(64)
        except OSError as error:
            self._done(asking, type(error).__name__)
        else:
            self._done(asking, "ok" if said else "empty")

    def _done(self, asking: socket.socket, what: str) -> None:
        sent, still = self._open.pop(asking)
        self._selector.unregister(asking)
        asking.close()
        took = monotonic() - sent - (self._still - still)
        print(f"{sent:.3f} {took:.3f} {what}", flush=True)


if __name__ == "__main__":
    Client(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])).run()
