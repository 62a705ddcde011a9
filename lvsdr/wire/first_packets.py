"""Listen for what clients send first to a service: the packet that makes a connection of IPVS."""

from __future__ import annotations

import socket
import struct
from collections.abc import Collection, Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from time import monotonic
from typing import Self

from lvsdr.model.address import IPAddress
from lvsdr.model.client_connections import Conversation, FirstPacket
from lvsdr.model.closed_on_exit import Closing
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.wire.first_packet_filter import first_packet_filter
from lvsdr.wire.frames.ethernet import IPV4
from lvsdr.wire.frames.ip import TCP
from lvsdr.wire.packet_socket import PacketSocket, link_errors

# asm-generic/socket.h
_SO_TIMESTAMPNS = 35
_STAMP = struct.Struct("@qq")
_ANCILLARY = 64
# Up to the end of a TCP header behind one of IPv4 with all options, or of IPv6.
_LENGTH = 14 + 60 + 20
_ETHERNET, _IPV6_HEADER = 14, 40
_PORTS = struct.Struct("!HH")
# A flood sends first packets faster than memory lasts. Long before, it is clear what comes in.
_MOST = 20_000

Key = tuple[int, bytes, bytes, bytes]
"""Protocol, client, VIP; and the ports, for TCP with the sequence number."""


@dataclass(slots=True)
class _Heard:
    first: float
    last: float
    times: int = 1


class FirstPackets(Closing):
    """Hear, from the start of the block, what comes in for `vips` on some links: TCP's SYN, UDP.

    The kernel keeps what comes until `heard` is called; of a flood it drops what is too much.
    """

    def __init__(self, links: Iterable[str], vips: Collection[IPAddress], *, udp: bool) -> None:
        program = first_packet_filter(vips, udp=udp)
        self._wires = [_Wire(link, program) for link in links]
        self._vips = {vip.packed for vip in vips}
        self._heard: dict[tuple[str, Key], _Heard] = {}

    def __enter__(self) -> Self:
        opened: list[_Wire] = []
        try:
            for wire in self._wires:
                opened.append(wire.__enter__())
        except BaseException:
            for wire in opened:
                wire.close()
            raise
        return self

    def close(self) -> None:
        """Give back what was opened."""
        for wire in self._wires:
            wire.close()

    def heard(self) -> list[FirstPacket]:
        """Return what came in until now, once for each connection; times are those of time(2)."""
        for wire in self._wires:
            for stamp, frame in wire.queued():
                key = _key(frame)
                if key is None or key[2] not in self._vips:
                    continue
                known = self._heard.get((wire.link, key))
                if known is not None:
                    known.last, known.times = stamp, known.times + 1
                elif len(self._heard) < _MOST:
                    self._heard[wire.link, key] = _Heard(stamp, stamp)
        return [
            FirstPacket(_conversation(key), link, each.first, each.last, each.times)
            for (link, key), each in self._heard.items()
        ]


class _Wire(PacketSocket):
    """A packet socket that tells when a frame came in."""

    def __init__(self, link: str, program: bytes) -> None:
        super().__init__(link, only=program)

    def __enter__(self) -> Self:
        super().__enter__()
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        return self

    def queued(self) -> Iterable[tuple[float, bytes]]:
        """Yield what has come, with the time; for a second at most, for a flood never ends."""
        deadline = monotonic() + 1
        with link_errors(f"cannot listen on {self.link}", self.link), suppress(BlockingIOError):
            while monotonic() < deadline:
                frame, said, _, _ = self._socket.recvmsg(_LENGTH, _ANCILLARY)
                for level, kind, value in said:
                    if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                        seconds, nanoseconds = _STAMP.unpack(value[: _STAMP.size])
                        yield seconds + nanoseconds / 1e9, frame


def _key(frame: bytes) -> Key | None:
    """Return what a frame is the first packet of, None where it is too short."""
    if int.from_bytes(frame[12:14], "big") == IPV4:
        start = _ETHERNET + (frame[_ETHERNET] & 0xF) * 4
        protocol, client, vip = frame[23], frame[26:30], frame[30:34]
    else:
        start = _ETHERNET + _IPV6_HEADER
        protocol, client, vip = frame[20], frame[22:38], frame[38:54]
    said = frame[start : start + (8 if protocol == TCP else 4)]
    return (protocol, client, vip, said) if len(said) >= _PORTS.size else None


def _conversation(key: Key) -> Conversation:
    protocol, client, vip, said = key
    client_port, port = _PORTS.unpack_from(said)
    name = "tcp" if protocol == TCP else "udp"
    return Conversation(name, _address(client), client_port, _address(vip), port)


def _address(packed: bytes) -> IPAddress:
    return IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
