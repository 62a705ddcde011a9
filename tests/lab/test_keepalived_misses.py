"""What a check that asks the RIP never sees, and clients do: lvsdr beside a real keepalived.

In the long form keepalived's TCP_CHECK is watched for a minute, else while it asks some times.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from time import monotonic

import pytest
from peers import KEEPALIVED, LVSDR, SOON, Peers, peers
from rig import VIP

DIRECT, TUNNEL = 80, 90
LONG = bool(os.environ.get("LVSDR_TORTURE"))
# Other guests run beside a sample.
IN_TIME = SOON if LONG else 2 * SOON
Mend = Callable[[], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    with peers(tmp_path_factory.mktemp("peers"), {DIRECT: "dr", TUNNEL: "tunnel"}) as made:
        yield made


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


TROUBLES = [(DIRECT, vip_lost), (DIRECT, listens_on_its_rip_only), (TUNNEL, tunnel_down)]


@pytest.mark.parametrize(("port", "trouble"), TROUBLES if LONG else TROUBLES[2:])
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
        begun, seconds = monotonic(), 60.0 if LONG else 2 * SOON
        out = made.all_are("0", seconds, ports=[port])
        span = client.span(begun, client.more(8))
        mend()
        # All the while it was awake, and takes out what it can see.
        made.die()
        dead = made.all_are("0", 10.0)
        made.serve(0)
        back = made.all_are("1", 20.0)

    said = f"{trouble.__name__} with keepalived: out {out} within {seconds:.0f} s; lost {span}"
    record_property("measured", said)
    assert (out, dead, back) == (False, True, True)
    # Every second one, but for those under way at the beginning and at the end.
    assert span.lost >= 0.45 * span.asked - 1, span
