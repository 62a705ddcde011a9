"""Send a single packet, and count its frames on any link."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from lvsdr.lab import client_ports
from lvsdr.lab.lab_host import Host
from lvsdr.model.address import IPAddress

_ALL, _IPV4, _IPV6, _UDP = 0x0003, 0x0800, 0x86DD, 17
# The port is nobody's; what the packet says is how its frames are known.
_DISCARD, _PACKET = 9, b"lvsdr: one packet, counted"
_QUIET = 0.5


@contextmanager
def counting(host: Host, link: str, address: IPAddress) -> Iterator[Callable[[], int]]:
    """Give a function that waits until the link is quiet, and returns the count of our frames."""
    wire = host.inside(lambda: _wire(link))
    with wire:
        yield lambda: _counted(wire, address)


def send_one(source: IPAddress, destination: IPAddress) -> None:
    """Send the packet that counting() counts."""
    with _socket(source) as asking:
        asking.sendto(_PACKET, (str(destination), _DISCARD))


def _socket(source: IPAddress) -> socket.socket:
    family = socket.AF_INET6 if source.version == 6 else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    client_ports.bind(made, source)
    return made


def _wire(link: str) -> socket.socket:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    wire.bind((link, _ALL))
    return wire


def _counted(wire: socket.socket, address: IPAddress) -> int:
    """Return the number of frames with the packet for `address`, once no more come."""
    count, deadline = 0, monotonic() + _QUIET
    while (left := deadline - monotonic()) > 0:
        wire.settimeout(left)
        try:
            frame = wire.recv(2048)
        except TimeoutError:
            break
        if _is_the_packet(frame, address):
            count, deadline = count + 1, monotonic() + _QUIET
    return count


def _is_the_packet(frame: bytes, address: IPAddress) -> bool:
    """Return whether a frame carries the packet itself, not an ICMP error that quotes it."""
    ethertype = int.from_bytes(frame[12:14], "big")
    if address.version == 4:
        start = (_IPV4, _UDP, address.packed)
        return (ethertype, frame[23], frame[30:34]) == start and frame.endswith(_PACKET)
    start = (_IPV6, _UDP, address.packed)
    return (ethertype, frame[20], frame[38:54]) == start and frame.endswith(_PACKET)
