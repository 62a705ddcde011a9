"""Generic netlink, raw: many requests in one send, and replies walked where they lie."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

# linux/netlink.h, linux/genetlink.h; the socket module knows but a few of them.
NETLINK_GENERIC, SOL_NETLINK = 16, 270
NETLINK_CAP_ACK, NETLINK_EXT_ACK = 10, 11
SO_RCVBUFFORCE = 33
NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE = 1, 2, 3
REQUEST, MULTI, ACK, DUMP_INTERRUPTED, DUMP = 0x1, 0x2, 0x4, 0x10, 0x300
ACK_TLVS = 0x200
NLA_TYPE: Final = 0x3FFF
GENL_CONTROL, GET_FAMILY, FAMILY_ID, FAMILY_NAME = 16, 3, 1, 2
ERROR_TEXT = 1

HEADER = struct.Struct("=IHHII")
GENERIC = struct.Struct("=BBxx")
ATTRIBUTE = struct.Struct("=HH")
NUMBER = struct.Struct("=i")

# The default holds 277 refusals of a batch; the kernel throws away what finds no room.
ROOM = 1 << 20
# The kernel fills at most 32 KiB in one go, whatever the room.
LARGEST_REPLY = 1 << 16


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the kernel refused a request: an errno, and its own words where it has some."""

    errno: int
    said: str = ""


class GenericSocket:
    """A socket that speaks to one family of generic netlink, whose id is asked for once."""

    def __init__(self, family: str) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_GENERIC
        )
        self._view = memoryview(bytearray(LARGEST_REPLY))
        self._sequence = 0
        try:
            self._prepare()
            self.family = self._family_id(family)
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        """Return the number of the socket's descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def sequence(self, count: int = 1) -> int:
        """Return the first of `count` numbers that no earlier request has."""
        first = self._sequence + 1
        self._sequence += count
        return first

    def batch(self, requests: bytes | bytearray) -> Mapping[int, Refused]:
        """Send many requests at once; return those refused, by their sequence numbers.

        No request asks for an answer, since only a refusal matters. Raises OSError where the
        answers did not all arrive: then nobody knows what was refused.
        """
        assert _sound(requests), "a broken length ends the batch, and nobody would be told"
        # To a message that is nothing but a wish to be answered, the kernel says that it came
        # to the end. It has answered all before it, and this, by the time that send returns.
        marker = self.sequence()
        end = HEADER.pack(HEADER.size, NLMSG_NOOP, REQUEST | ACK, marker, 0)
        self._socket.send(requests + end)
        refused: dict[int, Refused] = {}
        while marker not in refused:
            for message in walk(self._received(socket.MSG_DONTWAIT)):
                sequence, refusal = _answer(message)
                refused[sequence] = refusal
        del refused[marker]
        return refused

    def dump(self, command: int, attributes: bytes = b"") -> Iterator[tuple[memoryview, int]]:
        """Yield what the kernel lists: messages of one size in a row, and that size.

        What was yielded is overwritten by the next. Raises OSError.
        """
        sequence = self.sequence()
        self._socket.send(request(self.family, command, sequence, attributes, REQUEST | DUMP))
        while True:
            chunk = self._received()
            length = _length(chunk)
            if _even(chunk, (length, self.family, MULTI, sequence)):
                yield chunk, length
                continue
            for message in walk(chunk):
                _, kind, flags, number, _ = HEADER.unpack_from(message)
                if number != sequence:
                    continue
                if kind == NLMSG_ERROR or flags & DUMP_INTERRUPTED:
                    refused = _answer(message)[1] if kind == NLMSG_ERROR else Refused(errno.EINTR)
                    raise OSError(refused.errno, refused.said or os.strerror(refused.errno))
                if kind == NLMSG_DONE:
                    return
                yield message, len(message)

    def _prepare(self) -> None:
        self._socket.bind((0, 0))
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        except PermissionError:
            # Half of what it takes: still the answers to 500 requests, more than one batch has.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK):
            # Kernels before 4.12 lack the second: then there are no words to an errno.
            with suppress(OSError):
                self._socket.setsockopt(SOL_NETLINK, option, 1)

    def _family_id(self, name: str) -> int:
        sequence = self.sequence()
        asked = attribute(FAMILY_NAME, name.encode() + b"\0")
        self._socket.send(request(GENL_CONTROL, GET_FAMILY, sequence, asked, REQUEST))
        message = next(walk(self._received()))
        if HEADER.unpack_from(message)[1] == NLMSG_ERROR:
            refused = _answer(message)[1]
            raise OSError(refused.errno, os.strerror(refused.errno))
        found = attributes(message[HEADER.size + GENERIC.size :])[FAMILY_ID]
        return int.from_bytes(found, sys.byteorder)

    def _received(self, flags: int = 0) -> memoryview:
        length = self._socket.recv_into(self._view, 0, flags)
        return self._view[:length]


def request(family: int, command: int, sequence: int, attributes: bytes, flags: int) -> bytes:
    """Return one message of generic netlink."""
    length = HEADER.size + GENERIC.size + len(attributes)
    header = HEADER.pack(length, family, flags, sequence, 0)
    return b"".join((header, GENERIC.pack(command, 1), attributes))


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute, padded to four bytes as every message and attribute is."""
    length = ATTRIBUTE.size + len(value)
    return ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def attributes(packed: memoryview) -> dict[int, memoryview]:
    """Return the values of attributes by their kinds; raise OSError where a length lies."""
    found = {}
    while len(packed) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(packed)
        if not ATTRIBUTE.size <= length <= len(packed):
            raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
        found[kind & NLA_TYPE] = packed[ATTRIBUTE.size : length]
        packed = packed[length + -length % 4 :]
    return found


def walk(chunk: memoryview) -> Iterator[memoryview]:
    """Yield the messages of a reply, each with its header; raise OSError where a length lies."""
    while len(chunk) >= HEADER.size:
        length = _length(chunk)
        if not HEADER.size <= length <= len(chunk):
            raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
        yield chunk[:length]
        chunk = chunk[length + -length % 4 :]


def _length(chunk: memoryview) -> int:
    (length,) = struct.unpack_from("=I", chunk)
    return int(length)


def _sound(requests: bytes | bytearray) -> bool:
    offset = 0
    while offset + HEADER.size <= len(requests):
        (length,) = struct.unpack_from("=I", requests, offset)
        if length < HEADER.size or length % 4:
            return False
        offset += length
    return offset == len(requests)


def _even(chunk: memoryview, head: tuple[int, int, int, int]) -> bool:
    """Return whether every message of the chunk has the head LENGTH, KIND, FLAGS, SEQUENCE."""
    length = head[0]
    if length < HEADER.size or len(chunk) % length:
        return False
    heads = struct.Struct(f"=IHHI{length - 12}x").iter_unpack(chunk)
    return all(each == head for each in heads)


def _answer(message: memoryview) -> tuple[int, Refused]:
    """Return which request an answer belongs to, and what it says; errno 0 is consent."""
    _, kind, flags, sequence, _ = HEADER.unpack_from(message)
    if kind != NLMSG_ERROR:
        raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
    (number,) = NUMBER.unpack_from(message, HEADER.size)
    said = b""
    if flags & ACK_TLVS:
        # With NETLINK_CAP_ACK the header of the request comes back, and nothing else of it.
        words = attributes(message[2 * HEADER.size + NUMBER.size :])
        said = bytes(words.get(ERROR_TEXT, b"")).rstrip(b"\0")
    return sequence, Refused(-number, said.decode(errors="replace"))
