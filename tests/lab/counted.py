"""Clients that ask for a VIP all the time, each request counted: when, and whether it was lost."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import monotonic, sleep

from lvsdr.lab.lab_host import Host

PAUSE, PATIENCE = 0.05, 1.5
# Of struct tcp_info: eight bytes, and then what is counted in 32 bits each.
TOTAL_RETRANS = 8 + 4 * 23


@dataclass(frozen=True, slots=True)
class Span:
    """The requests of a span of time: how many, and how many of them were lost."""

    asked: int
    lost: int

    def __str__(self) -> str:
        return f"{self.lost} of {self.asked}"

    @property
    def rate(self) -> float:
        return self.lost / self.asked if self.asked else 0.0


@dataclass(slots=True)
class Client:
    """One client; `results` are the begin of each request, and whether it was served at once."""

    name: str
    results: list[tuple[float, bool]] = field(default_factory=list)

    def span(self, start: float, end: float) -> Span:
        """Return the requests that were made between two times."""
        seen = [served for begun, served in self.results if start <= begun < end]
        return Span(len(seen), seen.count(False))

    def more(self, number: int) -> float:
        """Wait for so many more requests; return the time after them."""
        wanted, deadline = len(self.results) + number, monotonic() + 60
        while len(self.results) < wanted and monotonic() < deadline:
            sleep(0.02)
        return monotonic()


@contextmanager
def asking(hosts: Sequence[Host], vip: str, port: int = 80) -> Iterator[list[Client]]:
    """Ask for a service from each host, some requests a second, inside the block."""
    stop = threading.Event()
    clients = [Client(host.name) for host in hosts]
    running = [
        host.start(partial(_ask, client, (vip, port), stop))
        for host, client in zip(hosts, clients, strict=True)
    ]
    try:
        yield clients
    finally:
        stop.set()
        for each in running:
            each.result(PATIENCE + 30)


def _ask(client: Client, where: tuple[str, int], stop: threading.Event) -> None:
    while not stop.is_set():
        begun = monotonic()
        client.results.append((begun, _served(where)))
        sleep(PAUSE)


def _served(where: tuple[str, int]) -> bool:
    """Return whether a request was answered, and no packet of it had to be sent twice.

    What the kernel counts does not depend on how busy this machine is.
    """
    with socket.socket() as client:
        client.settimeout(PATIENCE)
        try:
            client.connect(where)
            heard = client.recv(64)
            told = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        except OSError:
            return False
    return bool(heard) and struct.unpack_from("I", told, TOTAL_RETRANS)[0] == 0
