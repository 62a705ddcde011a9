"""Health checks beside TCP_CHECK of keepalived: what clients lose when a service dies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from time import monotonic

import pytest
from peers import CHECKERS, KEEPALIVED, LVSDR, Peers, peers

# Each service is asked at another moment of the interval, and all of them die at once.
PORTS = range(80, 88)
LONG = bool(os.environ.get("LVSDR_TORTURE"))
ROUNDS = 10 if LONG else 1
# Of one round the moments are few, and other guests run beside a sample, for which a record that is
# written first has to wait.
RATIO = 1.0 if LONG else 2.5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    with peers(tmp_path_factory.mktemp("peers"), dict.fromkeys(PORTS, "dr")) as made:
        yield made


def lost_when_a_service_dies(made: Peers, checker: str) -> tuple[int, int]:
    """Return how many requests were lost until all was well again, and how many were made."""
    with made.checked_by(checker), made.clients(PORTS) as clients:
        for client in clients:
            client.more(5)
        start = monotonic()
        made.die()
        assert made.all_are("0", 10.0), made.weights()
        for client in clients:
            client.more(2)
        end = monotonic()
        spans = [client.span(start, end) for client in clients]
        made.serve(0)
        assert made.all_are("1", 20.0), made.weights()
    return sum(each.lost for each in spans), sum(each.asked for each in spans)


def test_when_a_service_dies_clients_lose_no_more_than_with_keepalived(
    made: Peers, record_property: Callable[[str, object], None]
) -> None:
    lost: dict[str, list[tuple[int, int]]] = {each: [] for each in CHECKERS}

    for _ in range(ROUNDS):
        for checker in CHECKERS:
            lost[checker].append(lost_when_a_service_dies(made, checker))

    record_property("measured", f"requests lost when a service dies: {lost}")
    ours, theirs = (sum(count for count, _ in lost[each]) for each in (LVSDR, KEEPALIVED))
    assert theirs > 0
    assert ours <= RATIO * theirs, lost
