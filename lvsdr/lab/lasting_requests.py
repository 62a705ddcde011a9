"""A client that asks all the time: each request by itself, and what became of it."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from time import monotonic, sleep

from lvsdr.lab import client_ports
from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import TYPES
from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import Service
from lvsdr.model.late_dataclasses import dataclass, field

# From one request to the next, and how long one may take: less than it takes TCP to send its first
# packet again, so that what was lost counts as lost.
EVERY, LONGEST = 0.1, 0.9


@dataclass(slots=True)
class Requests:
    """What became of each request: when it was sent, by monotonic(3), and who served it, or why
    nobody did. It is complete once the client has ended.
    """

    done: list[tuple[float, str]] = field(default_factory=list)

    @staticmethod
    def go_on(until: float) -> float:
        """Let the client ask until then, and return what time it is."""
        sleep(max(0.0, until - monotonic()))
        return monotonic()

    def between(self, begin: float, end: float) -> list[str]:
        """Return what became of the requests that were sent in a span of time."""
        return [who for at, who in sorted(self.done) if begin <= at < end]


@contextmanager
def asking_on(client: Host, service: Service, sources: Sequence[IPAddress]) -> Iterator[Requests]:
    """Ask for a service of TCP ten times a second inside the block, from `sources` in turn."""
    assert service.protocol == "tcp", "of others a lost packet is not sent again"
    requests, (stop, stopped) = Requests(), socket.socketpair()
    done = client.start(partial(_Client(service, sources, requests).run, stopped))
    try:
        yield requests
    finally:
        stop.close()
        done.result()


class _Client:
    """The client, in its thread: none of its requests waits for another."""

    def __init__(self, service: Service, sources: Sequence[IPAddress], requests: Requests) -> None:
        self._service, self._sources, self._requests = service, sources, requests
        self._open: dict[socket.socket, float] = {}
        self._waiting = selectors.DefaultSelector()

    def run(self, stopped: socket.socket) -> None:
        """Ask until the other end of `stopped` is closed, and wait for what is under way."""
        with stopped, ExitStack() as stack:
            stack.enter_context(self._waiting)
            stack.callback(self._close)
            self._waiting.register(stopped, selectors.EVENT_READ)
            begun = monotonic()
            for number in count():
                if not self._listen(begun + number * EVERY, stopped):
                    break
                self._ask(self._sources[number % len(self._sources)])
            self._waiting.unregister(stopped)
            while self._open:
                self._listen(max(self._open.values()) + LONGEST)

    def _close(self) -> None:
        for each in self._open:
            each.close()

    def _listen(self, until: float, stopped: socket.socket | None = None) -> bool:
        """Hear answers until then; return False at once where it is to stop."""
        while (rest := until - monotonic()) > 0 and (self._open or stopped is not None):
            for key, _ in self._waiting.select(rest):
                if key.fileobj is stopped:
                    return False
                assert isinstance(key.fileobj, socket.socket), "only sockets are registered"
                self._take(key.fileobj)
            self._give_up()
        self._give_up()
        return True

    def _ask(self, source: IPAddress) -> None:
        service = self._service
        family = socket.AF_INET6 if service.family == "inet6" else socket.AF_INET
        asking = socket.socket(family, TYPES[service.protocol] | socket.SOCK_NONBLOCK)
        self._open[asking] = monotonic()
        client_ports.bind(asking, source)
        # What is refused at once can be read as well, and is told there.
        asking.connect_ex((str(service.vip), service.port))
        self._waiting.register(asking, selectors.EVENT_READ)

    def _take(self, asking: socket.socket) -> None:
        try:
            self._done(asking, asking.recv(64).decode() or "an empty answer")
        except OSError as error:
            self._done(asking, f"nobody ({(error.strerror or str(error)).lower()})")

    def _give_up(self) -> None:
        late = monotonic() - LONGEST
        for asking in [each for each, at in self._open.items() if at <= late]:
            self._done(asking, "nobody (timed out)")

    def _done(self, asking: socket.socket, who: str) -> None:
        self._requests.done.append((self._open.pop(asking), who))
        self._waiting.unregister(asking)
        asking.close()
