"""Many frames by one system call: whole, in order, and none lost where it ends early."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from lvsdr.wire.message_batches import MOST, Inbox, send

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        yield one, other


def test_frames_of_any_length_come_whole_and_in_order(pair: Pair) -> None:
    frames = [b"\x01" * 42, b"", b"\x02" * 65536, b"\x03" * 60]
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    for frame in frames:
        pair[0].send(frame)

    assert Inbox().receive(pair[1].fileno()) == frames


def test_what_one_call_has_no_room_for_waits_for_the_next(pair: Pair) -> None:
    # The kernel lets no more than ten wait (net.unix.max_dgram_qlen).
    inbox, found = Inbox(), list[bytes]()
    for number in range(MOST + 1):
        pair[0].send(b"%d" % number)
        if number % 8 == 7:
            found += inbox.receive(pair[1].fileno())
    found += inbox.receive(pair[1].fileno())

    assert found == [b"%d" % number for number in range(MOST + 1)]


def test_what_was_received_stays_as_it_was(pair: Pair) -> None:
    inbox = Inbox()
    pair[0].send(b"first")
    first = inbox.receive(pair[1].fileno())
    pair[0].send(b"other")

    assert inbox.receive(pair[1].fileno()) == [b"other"]
    assert first == [b"first"]


def test_where_nothing_waits_it_is_said_at_once(pair: Pair) -> None:
    assert Inbox().receive(pair[1].fileno()) == []


def test_an_error_of_the_kernel_is_raised() -> None:
    with pytest.raises(OSError, match="Bad file descriptor") as refused:
        Inbox().receive(-1)

    assert refused.value.errno == errno.EBADF


def test_of_frames_that_a_socket_refuses_none_was_sent(pair: Pair) -> None:
    # A socket of another family knows no link.
    assert send(pair[0].fileno(), 1, [bytes(14)] * 3) == 0
