"""ARP asked by frames made by hand, and what is answered to them; nothing of lvsdr's wire."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from time import monotonic

from lvsdr.rules.host.arp_reply import Question

REQUEST, REPLY = 1, 2


@dataclass(frozen=True, slots=True)
class Said:
    """A reply: `address` is at `mac`, said to `asker`, 0.0.0.0 for a probe."""

    address: str
    mac: str
    asker: str


def who_has(question: Question, mac: str) -> bytes:
    """Return the broadcast frame of a question, sent from `mac`."""
    source = bytes.fromhex(mac.replace(":", ""))
    sender = (question.sender or IPv4Address(0)).packed
    head = b"\xff" * 6 + source + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, REQUEST)
    return head + source + sender + bytes(6) + question.target.packed


def replies(wire: socket.socket) -> Iterator[Said]:
    """Yield the replies that arrive, until none has for as long as the socket's timeout."""
    deadline = monotonic() + 5
    while monotonic() < deadline:
        try:
            frame = wire.recv(2048)
        except TimeoutError:
            return
        operation, mac, sender, target = struct.unpack_from("!20xH6s4s6x4s", frame)
        if operation == REPLY:
            yield Said(str(IPv4Address(sender)), mac.hex(":"), str(IPv4Address(target)))
    raise AssertionError("the wire is never quiet")
