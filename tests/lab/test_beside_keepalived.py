"""Health checks beside TCP_CHECK of keepalived: what clients lose, and what it does not see."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from time import monotonic

import pytest
from peers import CHECKERS, KEEPALIVED, LVSDR, SOON, Peers, peers
from rig import VIP

# Each service is asked at another moment of the interval, and all of them die at once.
PORTS = range(80, 88)
TUNNEL = 90
LONG = bool(os.environ.get("LVSDR_TORTURE"))
ROUNDS = 10 if LONG else 1
# Of one round the moments are few, and other guests run beside a sample, for which a record that is
# written first has to wait.
RATIO = 1.0 if LONG else 2.5
IN_TIME = SOON if LONG else 2 * SOON
Mend = Callable[[], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    methods = dict.fromkeys(PORTS, "dr") | {TUNNEL: "tunnel"}
    with peers(tmp_path_factory.mktemp("peers"), methods) as made:
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


# --- what keepalived does not see ----------------------------------------------------------------


def vip_lost(made: Peers) -> Mend:
    host = made.rig.lab.realservers[0]
    host.ip(f"address del {VIP}/32 dev tunl0")
    return lambda: host.ip(f"address add {VIP}/32 dev tunl0 scope host")


def listens_on_its_rip_only(made: Peers) -> Mend:
    on_the_vip, _ = made.services[0]
    on_the_vip.close()

    def again() -> None:
        made.die()
        made.serve(0)

    return again


def tunnel_down(made: Peers) -> Mend:
    host = made.rig.lab.realservers[0]
    host.ip("link set tunl0 down")
    return lambda: host.ip("link set tunl0 up")


TROUBLES = [(80, vip_lost), (80, listens_on_its_rip_only), (TUNNEL, tunnel_down)]


@pytest.mark.parametrize(("port", "trouble"), TROUBLES)
def test_what_clients_miss_is_out_within_three_seconds(
    made: Peers,
    port: int,
    trouble: Callable[[Peers], Mend],
    record_property: Callable[[str, object], None],
) -> None:
    with made.checked_by(LVSDR), made.clients([port]) as (client,):
        client.more(4)
        begun = monotonic()
        mend = trouble(made)
        out = made.all_are("0", 3 * SOON, ports=[port])
        took = monotonic() - begun
        span = client.span(client.more(2), client.more(10))
        mend()
        back = made.all_are("1", 10.0)

    record_property("measured", f"{trouble.__name__}: out after {took:.2f} s; then lost {span}")
    assert (out, back) == (True, True), "\n".join(map(str, made.told[-12:]))
    assert took <= IN_TIME
    assert span.lost == 0


@pytest.mark.parametrize(("port", "trouble"), TROUBLES if LONG else TROUBLES[:1])
def test_keepalived_never_sees_it_and_clients_lose_every_second_request(
    made: Peers,
    port: int,
    trouble: Callable[[Peers], Mend],
    record_property: Callable[[str, object], None],
) -> None:
    with made.checked_by(KEEPALIVED), made.clients([port]) as (client,):
        client.more(4)
        mend = trouble(made)
        out = made.all_are("0", 60.0 if LONG else 2 * SOON, ports=[port])
        span = client.span(client.more(2), client.more(8))
        mend()

    record_property("measured", f"{trouble.__name__} with keepalived: out {out}; lost {span}")
    assert out is False
    assert span.lost * 2 >= span.asked - 2
