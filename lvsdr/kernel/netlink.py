"""Netlink, raw: many requests in one send, and replies walked where they lie."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

# linux/netlink.h, linux/genetlink.h; the socket module knows but a few of them.
NETLINK_ROUTE, NETLINK_GENERIC, SOL_NETLINK = 0, 16, 270
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
U8, U16, U32 = struct.Struct("=B"), struct.Struct("=H"), struct.Struct("=I")

Item = TypeVar("Item")
Attributes = Mapping[int, memoryview]
"""The values of attributes, by their kinds."""

# The default holds 277 refusals of a batch; the kernel throws away what finds no room.
ROOM = 1 << 20
# The kernel fills at most 32 KiB in one go, whatever the room.
LARGEST_REPLY = 1 << 16


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the kernel refused a request: an errno, and its own words where it has some."""

    errno: int
    said: str = ""


class NetlinkSocket:
    """A socket of one netlink protocol, bound in the namespace that it is made in."""

    def __init__(self, protocol: int) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol
        )
        self._view = memoryview(bytearray(LARGEST_REPLY))
        self._sequence = 0
        try:
            self._prepare()
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

    def ask(self, kind: int, body: bytes, flags: int = 0) -> memoryview | None:
        """Send one request; return its answer, None where that is mere consent.

        The answer is overwritten by the next. Raises OSError.
        """
        sequence = self.sequence()
        self._socket.send(message(kind, body, sequence, REQUEST | flags))
        while True:
            for answer in walk(self._received()):
                _, is_of, _, number, _ = HEADER.unpack_from(answer)
                # What a dump that was left behind still has to say is not for us.
                if number == sequence:
                    if is_of != NLMSG_ERROR:
                        return answer
                    _consent(answer)
                    return None

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

    def listed(self, kind: int, body: bytes, each: int) -> Iterator[tuple[memoryview, int]]:
        """Yield what the kernel lists: messages of one size in a row, and that size.

        `each` is the kind of its messages. What was yielded is overwritten by the next. Raises
        OSError, EINTR where the list changed under the kernel's hands, at the end of it: before
        that the socket could not be asked again.
        """
        sequence, whole = self.sequence(), True
        self._socket.send(message(kind, body, sequence, REQUEST | DUMP))
        while True:
            chunk = self._received()
            length = _length(chunk)
            if _even(chunk, (length, each, MULTI, sequence)):
                yield chunk, length
                continue
            for part in walk(chunk):
                _, is_of, flags, number, _ = HEADER.unpack_from(part)
                if number != sequence:
                    continue
                whole = whole and not flags & DUMP_INTERRUPTED
                if is_of in (NLMSG_ERROR, NLMSG_DONE):
                    _consent(part)
                    if not whole:
                        raise OSError(errno.EINTR, os.strerror(errno.EINTR))
                    return
                yield part, len(part)

    def _prepare(self) -> None:
        self._socket.bind((0, 0))
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        except PermissionError:
            # Half of what it takes: still the answers to 500 requests, more than one batch has.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK):
            self._wish(option)

    def _wish(self, option: int) -> None:
        # Kernels before 4.12 lack the words to an errno, those before 4.20 strict checking.
        with suppress(OSError):
            self._socket.setsockopt(SOL_NETLINK, option, 1)

    def _received(self, flags: int = 0) -> memoryview:
        # Asked so, the kernel says how long a message was of which a part was lost.
        length = self._socket.recv_into(self._view, 0, flags | socket.MSG_TRUNC)
        if length > len(self._view):
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        return self._view[:length]


class GenericSocket(NetlinkSocket):
    """A socket that speaks to one family of generic netlink, whose id is asked for once."""

    def __init__(self, family: str) -> None:
        super().__init__(NETLINK_GENERIC)
        try:
            self.family = self._family_id(family)
        except OSError:
            self.close()
            raise

    def ask_family(
        self, command: int, attributes: bytes = b"", flags: int = 0
    ) -> memoryview | None:
        """Have the family carry out a command, as `ask` does; raises OSError."""
        return self.ask(self.family, GENERIC.pack(command, 1) + attributes, flags)

    def dump(self, command: int, attributes: bytes = b"") -> Iterator[tuple[memoryview, int]]:
        """Yield what a command of the family lists, as `listed` does; raises OSError."""
        return self.listed(self.family, GENERIC.pack(command, 1) + attributes, self.family)

    def _family_id(self, name: str) -> int:
        asked = attribute(FAMILY_NAME, name.encode() + b"\0")
        answer = self.ask(GENL_CONTROL, GENERIC.pack(GET_FAMILY, 1) + asked)
        if answer is None:
            raise broken()
        _, found = opened(answer, GENERIC)
        return as_number(found[FAMILY_ID])


def message(kind: int, body: bytes, sequence: int, flags: int) -> bytes:
    """Return one message."""
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def request(family: int, command: int, sequence: int, attributes: bytes, flags: int) -> bytes:
    """Return one message of generic netlink."""
    return message(family, GENERIC.pack(command, 1) + attributes, sequence, flags)


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
            raise broken()
        found[kind & NLA_TYPE] = packed[ATTRIBUTE.size : length]
        packed = packed[length + -length % 4 :]
    return found


def opened(message: memoryview, form: struct.Struct) -> tuple[tuple[int, ...], Attributes]:
    """Return the fields of a message that follow its header, and its attributes; raises OSError."""
    if len(message) < HEADER.size + form.size:
        raise broken()
    fields = form.unpack_from(message, HEADER.size)
    return fields, attributes(message[HEADER.size + form.size + -form.size % 4 :])


def singly(listing: Iterable[tuple[memoryview, int]]) -> Iterator[memoryview]:
    """Yield one by one the messages of a list."""
    for chunk, length in listing:
        yield from (chunk[start : start + length] for start in range(0, len(chunk), length))


def decoded(message: memoryview, decode: Callable[[memoryview], Item]) -> Item:
    """Return what `decode` makes of a message; raises OSError where it can make nothing of it."""
    try:
        return decode(message)
    except (LookupError, ValueError, struct.error) as error:
        raise broken() from error


def as_number(packed: memoryview) -> int:
    """Return a number without a sign, in host byte order."""
    return int.from_bytes(packed, sys.byteorder)


def as_text(packed: memoryview) -> str:
    """Return a text that a zero ends."""
    return bytes(packed).partition(b"\0")[0].decode(errors="replace")


def broken() -> OSError:
    """Return the error that tells of a message that is not as Linux says it is."""
    return OSError(errno.EPROTO, os.strerror(errno.EPROTO))


def walk(chunk: memoryview) -> Iterator[memoryview]:
    """Yield the messages of a reply, each with its header; raise OSError where a length lies."""
    while len(chunk) >= HEADER.size:
        length = _length(chunk)
        if not HEADER.size <= length <= len(chunk):
            raise broken()
        yield chunk[:length]
        chunk = chunk[length + -length % 4 :]


def _length(chunk: memoryview) -> int:
    (length,) = U32.unpack_from(chunk)
    return int(length)


def _sound(requests: bytes | bytearray) -> bool:
    offset = 0
    while offset + HEADER.size <= len(requests):
        (length,) = U32.unpack_from(requests, offset)
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


def _consent(message: memoryview) -> None:
    """Raise OSError where an answer, or the end of a list, is a refusal."""
    # With NETLINK_CAP_ACK the header of the request comes back, and nothing else of it; at the
    # end of a list not even that.
    is_answer = HEADER.unpack_from(message)[1] == NLMSG_ERROR
    refused = _refused(message, HEADER.size if is_answer else 0)
    if refused.errno:
        raise OSError(refused.errno, refused.said or os.strerror(refused.errno))


def _answer(message: memoryview) -> tuple[int, Refused]:
    """Return which request an answer belongs to, and what it says; errno 0 is consent."""
    _, kind, _, sequence, _ = HEADER.unpack_from(message)
    if kind != NLMSG_ERROR:
        raise broken()
    return sequence, _refused(message, HEADER.size)


def _refused(message: memoryview, between: int) -> Refused:
    after = HEADER.size + NUMBER.size
    if len(message) < after:
        raise broken()
    (number,) = NUMBER.unpack_from(message, HEADER.size)
    words: Attributes = {}
    if HEADER.unpack_from(message)[2] & ACK_TLVS:
        words = attributes(message[after + between :])
    return Refused(-number, as_text(words.get(ERROR_TEXT, memoryview(b""))))
