"""Messages of netlink and their attributes, packed and unpacked without copying."""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeVar

from lvsdr.model.late_dataclasses import dataclass

# linux/socket.h
AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
# linux/netlink.h, linux/genetlink.h
NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE = 1, 2, 3
REQUEST, MULTI, ACK, DUMP_INTERRUPTED, DUMP = 0x1, 0x2, 0x4, 0x10, 0x300
ACK_TLVS = 0x200
NLA_TYPE: Final = 0x3FFF
ERROR_TEXT = 1

HEADER = struct.Struct("=IHHII")
GENERIC = struct.Struct("=BBxx")
ATTRIBUTE = struct.Struct("=HH")
NUMBER = struct.Struct("=i")
U8, U16, U32 = struct.Struct("=B"), struct.Struct("=H"), struct.Struct("=I")

# In place of an attribute that is not there: no number, no text.
NOTHING = memoryview(b"")

Item = TypeVar("Item")
Attributes = Mapping[int, memoryview]
"""The values of attributes by their kinds."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the kernel refused a request: an errno, and the kernel's own message, if any."""

    errno: int
    said: str = ""


def pack_message(kind: int, body: bytes, sequence: int, flags: int) -> bytes:
    """Return one message."""
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def pack_attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute, padded to four bytes as every message and attribute is."""
    length = ATTRIBUTE.size + len(value)
    return ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def unpack_attributes(packed: memoryview) -> dict[int, memoryview]:
    """Return the values of attributes by their kinds; raise OSError where a length is wrong."""
    found = {}
    while len(packed) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(packed)
        if not ATTRIBUTE.size <= length <= len(packed):
            raise malformed()
        found[kind & NLA_TYPE] = packed[ATTRIBUTE.size : length]
        packed = packed[length + -length % 4 :]
    return found


def unpack_message(message: memoryview, form: struct.Struct) -> tuple[tuple[int, ...], Attributes]:
    """Return the fields of a message after its header, in `form`, and its attributes.

    Raises OSError.
    """
    if len(message) < HEADER.size + form.size:
        raise malformed()
    fields = form.unpack_from(message, HEADER.size)
    return fields, unpack_attributes(message[HEADER.size + form.size + -form.size % 4 :])


def each_message(listing: Iterable[tuple[memoryview, int]]) -> Iterator[memoryview]:
    """Yield each message of chunks whose messages all have the given size."""
    for chunk, length in listing:
        yield from (chunk[start : start + length] for start in range(0, len(chunk), length))


def decode_message(message: memoryview, decode: Callable[[memoryview], Item]) -> Item:
    """Return `decode(message)`; raise OSError where the message is malformed."""
    try:
        return decode(message)
    except (LookupError, ValueError, struct.error) as error:
        raise malformed() from error


def as_number(packed: memoryview) -> int:
    """Return the unsigned number in `packed`, which is in host byte order."""
    return int.from_bytes(packed, sys.byteorder)


def as_text(packed: memoryview) -> str:
    """Return the text in `packed` before its zero byte."""
    return bytes(packed).partition(b"\0")[0].decode(errors="replace")


def malformed() -> OSError:
    """Return the error for a message that does not have the layout that Linux documents."""
    return OSError(errno.EPROTO, os.strerror(errno.EPROTO))


def walk_messages(chunk: memoryview) -> Iterator[memoryview]:
    """Yield the messages of a reply with their headers; raise OSError where a length is wrong."""
    while len(chunk) >= HEADER.size:
        length = message_length(chunk)
        if not HEADER.size <= length <= len(chunk):
            raise malformed()
        yield chunk[:length]
        chunk = chunk[length + -length % 4 :]


def message_length(chunk: memoryview) -> int:
    """Return the length of the first message of a reply, as in its header."""
    (length,) = U32.unpack_from(chunk)
    return int(length)


def lengths_add_up(requests: bytes | bytearray) -> bool:
    """Return whether the lengths of the requests add up to the whole: else a batch would break."""
    offset = 0
    while offset + HEADER.size <= len(requests):
        (length,) = U32.unpack_from(requests, offset)
        if length < HEADER.size or length % 4:
            return False
        offset += length
    return offset == len(requests)


def all_have_header(chunk: memoryview, head: tuple[int, int, int, int]) -> bool:
    """Return whether every message of the chunk has this header: LENGTH, KIND, FLAGS, SEQUENCE."""
    length = head[0]
    if length < HEADER.size or len(chunk) % length:
        return False
    heads = struct.Struct(f"=IHHI{length - 12}x").iter_unpack(chunk)
    return set(heads) == {head}


def raise_if_refused(message: memoryview) -> None:
    """Raise OSError where an acknowledgement, or the end of a dump, carries an error."""
    # With NETLINK_CAP_ACK the header of the request comes back, and nothing else of it; at the
    # end of a list not even that.
    is_answer = HEADER.unpack_from(message)[1] == NLMSG_ERROR
    refused = _refused(message, HEADER.size if is_answer else 0)
    if refused.errno:
        raise OSError(refused.errno, refused.said or os.strerror(refused.errno))


def unpack_ack(message: memoryview) -> tuple[int, Refused]:
    """Return the sequence number of an acknowledgement, and its error; errno 0 is success."""
    _, kind, _, sequence, _ = HEADER.unpack_from(message)
    if kind != NLMSG_ERROR:
        raise malformed()
    return sequence, _refused(message, HEADER.size)


def _refused(message: memoryview, between: int) -> Refused:
    after = HEADER.size + NUMBER.size
    if len(message) < after:
        raise malformed()
    (number,) = NUMBER.unpack_from(message, HEADER.size)
    words: Attributes = {}
    if HEADER.unpack_from(message)[2] & ACK_TLVS:
        words = unpack_attributes(message[after + between :])
    return Refused(-number, as_text(words.get(ERROR_TEXT, memoryview(b""))))
