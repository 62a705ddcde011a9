"""The client's side of a TCP connection: whatever the wire does, each byte arrives once, in order.

The other side is a server that says its answer in segments, over a wire that loses, doubles and
turns around what it carries.
"""

from __future__ import annotations

import random

import pytest

from lvsdr.wire.checks.tcp_client import (
    ACK,
    FIN,
    PSH,
    RST,
    SYN,
    WINDOW,
    Segment,
    TcpClient,
    ahead,
)

REQUEST = b"GET / HTTP/1.1\r\n\r\n" * 40
ANSWER = bytes(range(256)) * 60
OURS, THEIRS = 0xFFFFFF00, 0xFFFFFFF0
ALL = 0xFFFFFFFF


def client() -> TcpClient:
    return TcpClient(OURS, REQUEST, THEIRS, 100)


def server_segments(size: int = 700) -> list[Segment]:
    """Return the whole answer, its end with the last segment."""
    found = []
    for at in range(0, len(ANSWER), size):
        last = at + size >= len(ANSWER)
        number = THEIRS + at & ALL
        flags = ACK | (FIN if last else 0)
        found.append(Segment(flags, number, OURS + len(REQUEST) & ALL, ANSWER[at : at + size]))
    return found


def test_the_request_goes_out_in_pieces_and_once() -> None:
    made = client()

    sent = made.to_send()

    assert b"".join(each.data for each in sent) == REQUEST
    assert all(len(each.data) <= 100 and each.flags == PSH | ACK for each in sent)
    assert sent[3].number == OURS + 300 & ALL
    assert made.to_send() == []


def test_what_was_not_acknowledged_is_sent_again_and_nothing_else() -> None:
    made = client()
    made.to_send()
    made.take(Segment(ACK, THEIRS, OURS + 250 & ALL))

    made.again()
    sent = made.to_send()

    assert b"".join(each.data for each in sent) == REQUEST[250:]
    assert sent[0].number == OURS + 250 & ALL


def test_a_second_acceptance_is_acknowledged_again() -> None:
    made = client()
    made.to_send()

    made.take(Segment(SYN | ACK, THEIRS - 1 & ALL, OURS))

    assert [(each.flags, each.acknowledged) for each in made.to_send()] == [(ACK, THEIRS)]


@pytest.mark.parametrize("seed", range(40))
def test_an_answer_that_is_lost_doubled_and_turned_around_is_whole(seed: int) -> None:
    chance, made = random.Random(seed), client()
    made.to_send()
    segments = server_segments(chance.choice((100, 700, 1220)))

    for _ in range(200):
        if made.ended:
            break
        window = [each for each in segments if ahead(each.number, made.expected) >= -1220][:20]
        wire = [each for each in window for _ in range(chance.choice((0, 1, 1, 1, 2)))]
        chance.shuffle(wire)
        for each in wire:
            # Sent anew in other pieces, as a sender does that has learnt of a smaller path.
            cut = chance.choice((0, 0, len(each.data) // 2))
            number = each.number + cut & ALL
            made.take(Segment(each.flags, number, each.acknowledged, each.data[cut:]))
        assert made.expected == THEIRS + len(made.came) + made.ended & ALL

    assert bytes(made.came) == ANSWER
    assert made.ended


def test_it_is_closed_in_order() -> None:
    made = client()
    made.to_send()
    for each in server_segments():
        made.take(each)
        made.to_send()

    made.close()
    (fin,) = made.to_send()
    open_still = made.closed
    made.again()
    (once_more,) = made.to_send()
    made.take(Segment(ACK, THEIRS + len(ANSWER) + 1 & ALL, OURS + len(REQUEST) + 1 & ALL))

    assert fin.flags == FIN | ACK
    assert fin.number == OURS + len(REQUEST) & ALL
    assert fin.acknowledged == THEIRS + len(ANSWER) + 1 & ALL
    assert once_more == fin
    assert not open_still
    assert made.closed


@pytest.mark.parametrize(
    ("number", "reset"),
    [(THEIRS, True), (THEIRS + 100, True), (THEIRS - 1, False), (THEIRS + WINDOW + 1, False)],
)
def test_only_a_reset_in_the_window_counts(number: int, reset: bool) -> None:
    made = client()

    made.take(Segment(RST | ACK, number & ALL, OURS))

    assert made.reset is reset


def test_what_is_far_beyond_the_window_is_not_kept() -> None:
    made = client()

    made.take(Segment(ACK, THEIRS + 10 * WINDOW & ALL, OURS, b"x" * 100))
    for step in range(1000):
        made.take(Segment(ACK, THEIRS + 2 + step & ALL, OURS, b"x"))

    assert made.came == b""
    assert len(made._early) < 40
