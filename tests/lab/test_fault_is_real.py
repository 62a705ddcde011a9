"""Without each setting of lvsdr the fault that it guards against is real; with lvsdr it is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from rig import (
    RIPS,
    VIP,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settings,
    settled,
    verified,
    virtual_server,
)
from witnesses import REQUEST, arping, arping_probe, arps, captured, neighbour

from lvsdr.lab.services import serving

# How somebody without lvsdr would hold the VIP.
BY_HAND = {
    "lo": (f"address add {VIP}/32 dev lo",),
    "dummy": (
        "link add lvsdr0 type dummy",
        "link set lvsdr0 up",
        f"address add {VIP}/32 dev lvsdr0",
    ),
    "tunl0": ("link set tunl0 up", f"address add {VIP}/32 dev tunl0"),
}
METHODS = {"lo": "dr", "dummy": "dr", "tunl0": "tunnel"}


@pytest.fixture(scope="module", params=BY_HAND)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Yield a cluster with its director, and one real server that holds the VIP by hand."""
    holder = request.param
    server = virtual_server(rips=RIPS[:1], method=METHODS[holder])
    folder = tmp_path_factory.mktemp(holder)
    with rig(folder, director(server), realserver(holder)) as made:
        made.lab.realservers[0].ip(*BY_HAND[holder])
        lvsdr(made.lab.director, "director", "apply", made.director)
        yield made


@contextmanager
def applied(made: Rig) -> Iterator[None]:
    host = made.lab.realservers[0]
    lvsdr(host, "realserver", "apply", made.realserver)
    try:
        yield
    finally:
        lvsdr(host, "realserver", "withdraw", made.realserver)


def set_filter(made: Rig, value: int) -> None:
    settings(made.lab.realservers[0], {"all/rp_filter": value, "tunl0/rp_filter": 0})


def set_arp(made: Rig, *, ignore: int, announce: int) -> None:
    values = {"all/arp_ignore": ignore, "all/arp_announce": announce}
    settings(made.lab.realservers[0], values)


def asked_for_the_gateway(made: Rig) -> set[str]:
    """Return in whose name the real server asks ARP when it answers a client for the first time.

    The gateway has just learnt from the director where the VIP is.
    """
    host, gateway = made.lab.realservers[0], made.lab.gateway
    known = f"{made.lab.topology.gateway.address(4)} lladdr {made.mac(gateway)}"
    host.ip(f"neighbour replace {known} dev eth0 nud reachable")
    gateway.ip("neighbour flush dev eth0")
    assert made.served(times=1) == {host.name: 1}
    assert neighbour(gateway, VIP) == made.mac(made.lab.director)
    host.ip("neighbour flush dev eth0")
    with captured(gateway, "eth0") as frames:
        assert made.served(times=1) == {host.name: 1}
    asked = (arp for arp in arps(frames) if arp.operation == REQUEST)
    return {arp.sender for arp in asked if arp.sender_mac == made.mac(host)}


def test_without_arp_ignore_the_real_server_answers_for_the_vip(made: Rig) -> None:
    set_arp(made, ignore=0, announce=2)

    answered = arping(made.lab.observer, VIP)
    answered_probe = arping_probe(made.lab.observer, VIP)

    both = {made.mac(host) for host in (made.lab.director, made.lab.realservers[0])}
    assert (answered, answered_probe) == (both, both)


def test_without_arp_announce_the_gateway_turns_to_the_real_server(made: Rig) -> None:
    set_arp(made, ignore=1, announce=0)
    set_filter(made, 0)
    culprit = made.mac(made.lab.realservers[0])

    asked = asked_for_the_gateway(made)

    assert asked == {VIP}
    assert settled(lambda: neighbour(made.lab.gateway, VIP), culprit) == culprit


def test_after_apply_the_real_server_does_not_answer(made: Rig) -> None:
    set_arp(made, ignore=0, announce=0)

    with applied(made):
        answered = arping(made.lab.observer, VIP)

    assert answered == {made.mac(made.lab.director)}


def test_after_apply_the_gateway_stays_with_the_director(made: Rig) -> None:
    set_arp(made, ignore=0, announce=0)
    set_filter(made, 1)

    with applied(made):
        asked = asked_for_the_gateway(made)

    assert asked == set(RIPS[:1])
    assert neighbour(made.lab.gateway, VIP) == made.mac(made.lab.director)


@pytest.mark.parametrize("made", ["tunl0"], indirect=True)
def test_a_strict_reverse_path_filter_drops_what_comes_through_the_tunnel(made: Rig) -> None:
    set_arp(made, ignore=1, announce=2)
    set_filter(made, 1)
    before = dropped(made)

    served = made.served(times=1)

    assert served == {"no answer (timed out)": 1}
    assert dropped(made) > before


@pytest.mark.parametrize("made", ["tunl0"], indirect=True)
def test_after_apply_what_comes_through_the_tunnel_is_served(made: Rig) -> None:
    set_filter(made, 1)

    with applied(made):
        served = made.served(times=1)

    assert served == {"rs1": 1}


def dropped(made: Rig) -> int:
    """Return how many packets the real server's reverse-path filter has dropped."""
    shown = made.lab.realservers[0].run("cat", "/proc/net/netstat").stdout.splitlines()
    names, values = (line.split() for line in shown if line.startswith("TcpExt:"))
    return int(values[names.index("IPReversePathFilter")])


@contextmanager
def forwarding_without_the_vip(made: Rig) -> Iterator[None]:
    """Let the real server forward, and lose its VIP behind the director's back."""
    host = made.lab.realservers[0]
    link = made.lab.realservers[0].run("ip", "-o", "address", "show", "to", VIP).stdout.split()[1]
    scope = "host" if f"unreachable {VIP}" in host.run("ip", "route").stdout else "global"
    host.sysctl("net/ipv4/ip_forward", 1)
    host.ip(f"address del {VIP}/32 dev {link}")
    try:
        yield
    finally:
        host.ip(f"address add {VIP}/32 dev {link} scope {scope}")
        host.sysctl("net/ipv4/ip_forward", 0)


def frames_of_one_request(made: Rig) -> int:
    """Return how many packets for the VIP the director sees when one client asks in vain."""
    with captured(made.lab.director, "eth0", only=f"tcp and dst host {VIP}") as frames:
        assert "rs1" not in made.served(times=1)
    return len(frames)


@pytest.mark.parametrize("made", ["lo"], indirect=True)
def test_without_the_guard_a_packet_for_a_lost_vip_goes_round(made: Rig) -> None:
    set_arp(made, ignore=1, announce=2)

    with forwarding_without_the_vip(made):
        seen = frames_of_one_request(made)

    # TTL 64, less at the gateway and at each turn of the real server.
    assert seen > 20


@pytest.mark.parametrize("made", ["lo"], indirect=True)
def test_with_the_guard_a_packet_for_a_lost_vip_goes_nowhere(made: Rig) -> None:
    with applied(made), forwarding_without_the_vip(made):
        seen = frames_of_one_request(made)

    # In and out again, for each time that the client tries.
    assert 0 < seen <= 8


def test_after_apply_nothing_is_found_on_either_host(made: Rig) -> None:
    with applied(made), ExitStack() as servers:
        for host in made.lab.realservers:
            servers.enter_context(serving(host, made.services))
        found = verified(made.lab.realservers[0], "realserver", "verify", made.realserver, expect=0)
        words = ("director", "verify", made.director, "--seconds", "0.3")
        found_there = verified(made.lab.director, *words, expect=0)

    # But that a tunnel is narrower than its link.
    narrow = ["TUNNEL-MTU"] if "tunl0" in made.realserver.read_text() else []
    assert (found, [one["rule"] for one in found_there]) == ([], narrow)


@pytest.mark.parametrize("made", ["tunl0"], indirect=True)
@pytest.mark.parametrize(("everywhere", "own"), [(1, 0), (0, 1)])
def test_a_filter_that_drops_what_comes_through_the_tunnel_is_found(
    made: Rig, everywhere: int, own: int
) -> None:
    host = made.lab.realservers[0]

    with applied(made):
        settings(host, {"all/rp_filter": everywhere, "tunl0/rp_filter": own})
        served = made.served(times=1)
        found = verified(host, "realserver", "verify", made.realserver, expect=1)
        host.run("sh", "-c", found[0]["hint"])
        served_after = made.served(times=1)
        found_after = verified(host, "realserver", "verify", made.realserver, expect=0)

    assert [(one["rule"], one["subject"]) for one in found] == [("RP-FILTER", "tunl0")]
    assert (found_after, served) == ([], {"no answer (timed out)": 1})
    assert served_after == {"rs1": 1}
