"""Netlink sockets at whose other end the test is the kernel; what it says is pyroute2's."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

from lvsdr.kernel.netlink import netlink_messages, netlink_socket
from lvsdr.kernel.netlink.netlink_messages import HEADER, MULTI, NLMSG_DONE, NLMSG_ERROR
from lvsdr.kernel.netlink.netlink_socket import GenericSocket, NetlinkSocket
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.route_socket import RouteSocket

FAMILY, SEQUENCE = 27, 7


class Written(NetlinkSocket):
    """A socket at whose other end somebody says what the test has written."""

    def __init__(self, *replies: bytes) -> None:
        self._sequence = 0
        self._view = memoryview(bytearray(netlink_socket.LARGEST_REPLY))
        self._socket, self.kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for reply in replies:
            self.kernel.send(reply)

    def close(self) -> None:
        super().close()
        self.kernel.close()


class Wire(Written, RouteSocket):
    """One to rtnetlink."""


def message(kind: int, body: bytes, *, flags: int = MULTI, sequence: int = 1) -> bytes:
    return netlink_messages.pack_message(kind, body, sequence, flags)


def end(number: int = 0, *, sequence: int = 1, flags: int = MULTI) -> bytes:
    return message(NLMSG_DONE, struct.pack("=i", -number), sequence=sequence, flags=flags)


def answer(number: int = 0, *, sequence: int = 1) -> bytes:
    return message(NLMSG_ERROR, struct.pack("=i16x", -number), sequence=sequence, flags=0)


def theirs(made: Any, kind: int, flags: int, sequence: int = 1, /, **fields: Any) -> bytes:
    """Return what pyroute2 encodes; attributes are those fields that are in capitals."""
    made["header"]["type"], made["header"]["flags"] = kind, flags
    made["header"]["sequence_number"] = sequence
    for name, value in fields.items():
        if name.islower():
            made[name] = value
    made["attrs"] = [(name, value) for name, value in fields.items() if not name.islower()]
    made.encode()
    return bytes(made.data)


def told(kind: int, made: Any, /, **fields: Any) -> Iterator[bytes]:
    yield theirs(made, kind, MULTI, **fields)
    yield end()


class Listing(Written, GenericSocket):
    """One to IPVS, in the middle of its life."""

    def __init__(self, *replies: bytes) -> None:
        super().__init__(*replies)
        self.family, self._sequence = FAMILY, SEQUENCE - 1


def reply(attributes: bytes, sequence: int = SEQUENCE) -> bytes:
    header = HEADER.pack(HEADER.size + 4 + len(attributes), FAMILY, MULTI, sequence, 0)
    return header + struct.pack("=BBxx", 1, 1) + attributes


DONE = end(sequence=SEQUENCE)


class Opened(Sockets):
    """Sockets that are open already."""

    def __init__(self, rtnetlink: Wire | None = None, ipvs: Listing | None = None) -> None:
        super().__init__()
        self._rtnetlink, self._ipvs = rtnetlink, ipvs
