"""Netlink sockets: requests, dumps, and batches of many requests in one send."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from lvsdr.kernel.netlink.netlink_messages import (
    ACK,
    DUMP,
    DUMP_INTERRUPTED,
    GENERIC,
    HEADER,
    MULTI,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_NOOP,
    REQUEST,
    Refused,
    all_have_header,
    as_number,
    lengths_add_up,
    malformed,
    message_length,
    pack_attribute,
    pack_message,
    raise_if_refused,
    unpack_ack,
    unpack_message,
    walk_messages,
)

# linux/netlink.h, linux/genetlink.h; the socket module knows but a few of them.
NETLINK_ROUTE, NETLINK_GENERIC, SOL_NETLINK = 0, 16, 270
NETLINK_CAP_ACK, NETLINK_EXT_ACK = 10, 11
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
GENL_CONTROL, GET_FAMILY, FAMILY_ID, FAMILY_NAME = 16, 3, 1, 2

# The kernel takes twice as much. The default holds 277 refusals of a batch; the kernel throws away
# what finds no room.
ROOM = 1 << 20
# What the kernel counts for a refusal: 768 bytes on 6.1, 896 on 6.12 and 7.2.
REFUSAL = 1 << 10
# Of this, too, it takes twice as much: so many bytes go in one send, 1,800 real servers. Others who
# write to the table wait meanwhile.
ROOM_TO_SEND = 1 << 17
# netlink_sendmsg(): it wants so many bytes of the send buffer for itself.
KEPT_OF_ROOM = 32
# The kernel fills at most 32 KiB in one go, whatever the room.
LARGEST_REPLY = 1 << 16
# The ports of the sockets that are open: what they ask for is told to those who listen, too.
OWN_PORTS: set[int] = set()


class NetlinkSocket:
    """A socket of one netlink protocol, bound in the namespace in which it is opened."""

    # No port: 0 is the kernel's own.
    _port = 0
    # What a batch may have: so many bytes, and so many requests, each of which may be refused.
    most_bytes, most_requests = 1 << 16, 256
    # Is called before each request, where there is one.
    pause: Callable[[], None] | None = None

    def __init__(self, protocol: int) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol
        )
        self._view = memoryview(bytearray(LARGEST_REPLY))
        self._sequence = 0
        try:
            self._prepare()
            self._port = self._socket.getsockname()[0]
            OWN_PORTS.add(self._port)
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        """Return the number of the socket's descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        OWN_PORTS.discard(self._port)
        self._socket.close()

    def sequence(self, count: int = 1) -> int:
        """Reserve `count` sequence numbers that no earlier request has, and return the first."""
        first = self._sequence + 1
        self._sequence += count
        return first

    def ask(self, kind: int, body: bytes, flags: int = 0) -> memoryview | None:
        """Send one request; return its answer, None where that is only an acknowledgement.

        The next answer overwrites it. Raises OSError.
        """
        self._may_pause()
        sequence = self.sequence()
        self._socket.send(pack_message(kind, body, sequence, REQUEST | flags))
        while True:
            for answer in walk_messages(self._received()):
                _, is_of, _, number, _ = HEADER.unpack_from(answer)
                # What a dump that was left behind still has to say is not for us.
                if number == sequence:
                    if is_of != NLMSG_ERROR:
                        return answer
                    raise_if_refused(answer)
                    return None

    def batch(self, requests: bytes | bytearray) -> Mapping[int, Refused]:
        """Send many requests at once; return the refusals by their sequence numbers.

        The requests must not ask for acknowledgements, for only refusals matter. There may be
        `most_requests`, and `most_bytes` of them. Raises OSError where refusals were lost: then it
        is unknown what was refused.
        """
        assert lengths_add_up(requests), "a broken length ends the batch, and nobody would be told"
        # To a message that is nothing but a wish to be answered, the kernel says that it came
        # to the end. It has answered all before it, and this, by the time that send returns.
        marker = self.sequence()
        end = HEADER.pack(HEADER.size, NLMSG_NOOP, REQUEST | ACK, marker, 0)
        self._socket.send(requests + end)
        refused: dict[int, Refused] = {}
        while marker not in refused:
            for reply in walk_messages(self._received(socket.MSG_DONTWAIT)):
                sequence, refusal = unpack_ack(reply)
                refused[sequence] = refusal
        del refused[marker]
        return refused

    def dump_chunks(self, kind: int, body: bytes, each: int) -> Iterator[tuple[memoryview, int]]:
        """Yield a dump in chunks of messages of one size, each with that size.

        `each` is the kind of the messages. The next chunk overwrites the last. Raises OSError:
        EINTR where the kernel's list changed during the dump, raised at the end of the dump, so
        that the socket can be used again.
        """
        self._may_pause()
        sequence, whole = self.sequence(), True
        self._socket.send(pack_message(kind, body, sequence, REQUEST | DUMP))
        while True:
            chunk = self._received()
            length = message_length(chunk)
            if all_have_header(chunk, (length, each, MULTI, sequence)):
                yield chunk, length
                continue
            for part in walk_messages(chunk):
                _, is_of, flags, number, _ = HEADER.unpack_from(part)
                if number != sequence:
                    continue
                whole = whole and not flags & DUMP_INTERRUPTED
                if is_of in (NLMSG_ERROR, NLMSG_DONE):
                    raise_if_refused(part)
                    if not whole:
                        raise OSError(errno.EINTR, os.strerror(errno.EINTR))
                    return
                yield part, len(part)

    def _may_pause(self) -> None:
        if self.pause is not None:
            self.pause()

    def _prepare(self) -> None:
        self._socket.bind((0, 0))
        self._make_room(socket.SO_SNDBUF, SO_SNDBUFFORCE, ROOM_TO_SEND)
        self._make_room(socket.SO_RCVBUF, SO_RCVBUFFORCE, ROOM)
        # The last of all is the one that says that it came to the end.
        end = HEADER.size + KEPT_OF_ROOM
        self.most_bytes = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - end
        answers = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // REFUSAL
        self.most_requests = max(1, answers - 1)
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK):
            self._try_option(option)

    def _make_room(self, option: int, forced: int, size: int) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, forced, size)
        except PermissionError:
            # As much as the host's settings allow.
            self._socket.setsockopt(socket.SOL_SOCKET, option, size)

    def _try_option(self, option: int) -> None:
        # Kernels before 4.12 lack the words to an errno, those before 4.20 strict checking.
        with suppress(OSError):
            self._socket.setsockopt(SOL_NETLINK, option, 1)

    def _received(self, flags: int = 0) -> memoryview:
        # Asked so, the kernel says how long a message was of which a part was lost.
        length = self._socket.recv_into(self._view, 0, flags | socket.MSG_TRUNC)
        if length > len(self._view):
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        if length < HEADER.size:
            raise malformed()
        return self._view[:length]


class GenericSocket(NetlinkSocket):
    """A socket for one family of generic netlink; its id is asked for once."""

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
        """Send a command of the family, as `ask` does; raises OSError."""
        return self.ask(self.family, GENERIC.pack(command, 1) + attributes, flags)

    def dump(self, command: int, attributes: bytes = b"") -> Iterator[tuple[memoryview, int]]:
        """Yield the dump of a command of the family, as `dump_chunks` does; raises OSError."""
        return self.dump_chunks(self.family, GENERIC.pack(command, 1) + attributes, self.family)

    def _family_id(self, name: str) -> int:
        asked = pack_attribute(FAMILY_NAME, name.encode() + b"\0")
        answer = self.ask(GENL_CONTROL, GENERIC.pack(GET_FAMILY, 1) + asked)
        if answer is None:
            raise malformed()
        _, found = unpack_message(answer, GENERIC)
        return as_number(found[FAMILY_ID])
