"""Requests of many full packets: whether they arrive, and which ICMP errors about the MTU come."""

from __future__ import annotations

import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from lvsdr.lab import client_ports
from lvsdr.lab.lab_host import Host
from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import Service

LENGTH = 20_000
# A connection that stands still repeats its packets for minutes.
PATIENCE = 2.0
NOW = struct.pack("ii", 1, 0)
_ALL, _IPV4, _ICMP, _NEEDED = 0x0003, 0x0800, 1, bytes((3, 4))


@contextmanager
def serving_large_requests(host: Host, service: Service) -> Iterator[None]:
    """Read whole requests and answer them with the host's name, inside the block.

    The host must have the VIP already.
    """
    assert service.vip is not None, "a client asks for an address"
    where = (str(service.vip), service.port)
    with host.inside(lambda: socket.create_server(where)) as listener:
        done = host.start(lambda: _read(listener, host.name.encode()))
        try:
            yield
        finally:
            # It wakes up where it waits for a client.
            listener.shutdown(socket.SHUT_RDWR)
            done.result()


def send_large_request(source: IPAddress, service: Service) -> str:
    """Send LENGTH bytes; return the name of the host that read them, or why there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asking:
        asking.settimeout(PATIENCE)
        # What is under way is forgotten at the end, not repeated.
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)
        client_ports.bind(asking, source)
        try:
            asking.connect((str(service.vip), service.port))
            asking.sendall(bytes(LENGTH))
            asking.shutdown(socket.SHUT_WR)
            return asking.recv(64).decode() or "an empty answer"
        except OSError as error:
            return f"no answer ({error})"


@contextmanager
def fragmentation_errors(host: Host, link: str) -> Iterator[Callable[[], Counter[int]]]:
    """Give a function that returns how often ICMP told the host to use each MTU."""
    wire = host.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    with wire:
        wire.bind((link, _ALL))
        yield lambda: Counter(_told(wire))


def _read(listener: socket.socket, name: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # shut down
        # A client that stands still, or has given up, gets no answer.
        with connection, suppress(TimeoutError, ConnectionError):
            connection.settimeout(PATIENCE)
            while connection.recv(65536):
                pass
            connection.sendall(name)


def _told(wire: socket.socket) -> Iterator[int]:
    """Yield the MTU of each "fragmentation needed" (RFC 1191) that was received."""
    with suppress(BlockingIOError):
        while True:
            frame, (*_, direction, _hardware, _mac) = wire.recvfrom(2048, socket.MSG_DONTWAIT)
            protocol = (int.from_bytes(frame[12:14], "big"), frame[23:24], frame[34:36])
            if direction != socket.PACKET_OUTGOING and protocol == (
                _IPV4,
                bytes((_ICMP,)),
                _NEEDED,
            ):
                yield int.from_bytes(frame[40:42], "big")
