"""Count the frames that answer when a host's kernel asks for an address, apart from wire/."""

from __future__ import annotations

import socket
from collections import Counter
from ipaddress import ip_address
from time import monotonic

from lvsdr.lab.lab_host import Host
from lvsdr.model.address import IPAddress

_ALL, _ARP, _IPV6 = 0x0003, 0x0806, 0x86DD
_REPLY, _ICMPV6, _ADVERTISEMENT = 2, 58, 136
# Nobody listens there, and nobody has to: the question comes before the packet.
_DISCARD = 9
# A proxy takes up to 0.8 s.
SECONDS = 1.2


def count_answers(host: Host, link: str, address: IPAddress) -> Counter[str]:
    """Let the host's kernel ask for `address`; return how often each MAC answers."""
    host.ip(f"neighbour flush to {address} dev {link}")
    return host.inside(lambda: _counted(link, address))


def _counted(link: str, address: IPAddress) -> Counter[str]:
    counted: Counter[str] = Counter()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL)) as wire:
        wire.bind((link, _ALL))
        _make_the_kernel_ask(address)
        deadline = monotonic() + SECONDS
        while (left := deadline - monotonic()) > 0:
            wire.settimeout(left)
            try:
                frame, (*_, direction, _hardware, _mac) = wire.recvfrom(2048)
            except TimeoutError:
                break
            if direction != socket.PACKET_OUTGOING and _answered(frame) == address:
                counted[frame[6:12].hex(":")] += 1
    return counted


def _make_the_kernel_ask(address: IPAddress) -> None:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.sendto(b"?", (str(address), _DISCARD))


def _answered(frame: bytes) -> IPAddress | None:
    """Return the address that a frame answers for (RFC 826, RFC 4861), None for other frames."""
    ethertype = int.from_bytes(frame[12:14], "big")
    if ethertype == _ARP and int.from_bytes(frame[20:22], "big") == _REPLY:
        return ip_address(frame[28:32])
    if ethertype == _IPV6 and frame[20] == _ICMPV6 and frame[54] == _ADVERTISEMENT:
        return ip_address(frame[62:78])
    return None
