"""Many frames by one system call: sendmmsg(2) and recvmmsg(2), which Python's sockets lack.

A call costs about as much as the kernel's work on a frame, in a virtual machine many times more.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import struct
from collections.abc import Sequence
from functools import cache

# So many frames by one call.
MOST = 32

_LARGEST = 65536
# As many as an Outbox sends by one call, and how long each may be.
_AT_ONCE, _SLOT = 64, 16384
# linux/if_packet.h, struct sockaddr_ll: family, protocol, link; and more.
_PLACE = struct.Struct("=H2si12x")


class _Piece(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.c_void_p),
        ("number_of_pieces", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """struct mmsghdr; `length` is how many bytes were sent or received."""

    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


class Inbox:
    """Room for what one call receives; whoever receives next writes over it."""

    def __init__(self) -> None:
        # Anonymous pages cost nothing before a frame fills them: few are longer than one.
        self._room = mmap.mmap(-1, MOST * _LARGEST)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._room))
        self._pieces = (_Piece * MOST)()
        self._messages = (_Message * MOST)()
        for number, piece in enumerate(self._pieces):
            piece.base, piece.length = start + number * _LARGEST, _LARGEST
            header = self._messages[number].header
            header.pieces, header.number_of_pieces = ctypes.addressof(piece), 1

    def receive(self, number: int) -> list[bytes]:
        """Return whole frames that wait at a socket, none or at most MOST; raises OSError."""
        flags = socket.MSG_DONTWAIT
        came = _libc().recvmmsg(number, self._messages, MOST, flags, None)
        if came < 0:
            why = ctypes.get_errno()
            if why == errno.EAGAIN:
                return []
            raise OSError(why, os.strerror(why))
        lengths = (self._messages[place].length for place in range(came))
        starts = range(0, came * _LARGEST, _LARGEST)
        return [self._room[at : at + size] for at, size in zip(starts, lengths, strict=True)]


class Outbox:
    """Room for frames that one call sends to `link`, an index, again and again.

    What stays the same for each frame is written once: where it lies, and where it goes.
    """

    def __init__(self, link: int) -> None:
        self._room = mmap.mmap(-1, _AT_ONCE * _SLOT)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._room))
        self._pieces = (_Piece * _AT_ONCE)()
        self._messages = (_Message * _AT_ONCE)()
        self._headers = [each.header for each in self._messages]
        self._kinds = [b""] * _AT_ONCE
        self._link, self._places = link, dict[bytes, "ctypes.Array[ctypes.c_char]"]()
        for number, piece in enumerate(self._pieces):
            piece.base = start + number * _SLOT
            header = self._headers[number]
            header.pieces, header.number_of_pieces = ctypes.addressof(piece), 1
            header.name_length = _PLACE.size
        # The lengths lie behind each address, both a word long.
        self._words = memoryview(self._pieces).cast("B").cast("L")

    def send(self, number: int, frames: Sequence[bytes]) -> int:
        """Send as many as fit by a packet socket; return how many were taken, as `send` does."""
        batch, room, words, kinds = frames[:_AT_ONCE], self._room, self._words, self._kinds
        for place, frame in enumerate(batch):
            size = len(frame)
            if size > _SLOT:
                return send(number, self._link, frames)
            at = place * _SLOT
            room[at : at + size] = frame
            words[2 * place + 1] = size
            if frame[12:14] != kinds[place]:
                self._address(place, frame)
        taken: int = _libc().sendmmsg(number, self._messages, len(batch), 0)
        return max(0, taken)

    def _address(self, place: int, frame: bytes) -> None:
        kind = self._kinds[place] = frame[12:14]
        if kind not in self._places:
            self._places[kind] = ctypes.create_string_buffer(_place(frame, self._link))
        self._headers[place].name = ctypes.addressof(self._places[kind])


def send(number: int, link: int, frames: Sequence[bytes]) -> int:
    """Send whole frames by a packet socket to the link of an index; return how many were taken.

    Why the next one was not, sending that one alone says.
    """
    batch = frames[:MOST]
    data = ctypes.create_string_buffer(b"".join(batch))
    places = ctypes.create_string_buffer(b"".join(_place(each, link) for each in batch))
    pieces, messages = (_Piece * len(batch))(), (_Message * len(batch))()
    start, place = ctypes.addressof(data), ctypes.addressof(places)
    for piece, message, frame in zip(pieces, messages, batch, strict=True):
        piece.base, piece.length = start, len(frame)
        header = message.header
        header.name, header.name_length = place, _PLACE.size
        header.pieces, header.number_of_pieces = ctypes.addressof(piece), 1
        start, place = start + len(frame), place + _PLACE.size
    taken: int = _libc().sendmmsg(number, messages, len(batch), 0)
    return max(0, taken)


def _place(frame: bytes, link: int) -> bytes:
    # With its ethertype, for filters and bridges that look at it on the way out.
    return _PLACE.pack(socket.AF_PACKET, frame[12:14], link)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
