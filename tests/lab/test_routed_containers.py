"""A container behind routes of its host: each fault of the host named, and mended by its hint."""

from __future__ import annotations

from collections.abc import Iterator

import program
import pytest
from containers import (
    RIP,
    ROUTE,
    SILENT_HOST,
    VIP,
    applied,
    inside,
    named,
    served,
    serves,
    sh,
    there,
)
from rig import verified
from witnesses import arping

from lvsdr.lab.scenario_stage import Stage
from lvsdr.lab.scenarios import SCENARIOS


@pytest.fixture(scope="module")
def routed() -> Iterator[Stage]:
    """Give a container whose host is silent, and brings the VIP's packets in."""
    with applied(SCENARIOS["routed"], *SILENT_HOST, ROUTE) as built:
        yield built


@pytest.mark.parametrize(
    ("make", "why"),
    [
        pytest.param(
            f"ip route del {VIP}",
            "sends them on through eth0, until their TTL is used up",
            id="no route to the VIP",
        ),
        pytest.param(
            f"ip route replace {VIP}/32 dev veth1",
            "the container is silent",
            id="a route that makes the host ask the container",
        ),
        pytest.param(
            "sysctl -qw net/ipv4/ip_forward=0",
            "it does not forward them",
            id="no forwarding",
        ),
    ],
)
def test_packets_that_the_host_does_not_bring_in_are_named_and_brought_in_by_the_hint(
    routed: Stage, make: str, why: str
) -> None:
    box = routed.hosts["box"]
    sh(box, make)

    without = served(routed)
    found = named(routed, expect=1)
    sh(box, found["HOST-ROUTE"]["hint"])
    after = serves(routed)

    assert without == {"nobody"}
    assert why in found["HOST-ROUTE"]["message"]
    assert after == {"rs1"}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param("sysctl -qw net/ipv4/conf/eth0/proxy_arp=1", id="proxy_arp"),
        pytest.param("sysctl -qw net/ipv4/conf/all/proxy_arp=1", id="proxy_arp of all"),
        pytest.param(f"ip neighbour add proxy {VIP} dev eth0", id="an entry"),
        pytest.param(f"ip address add {VIP}/32 dev lo", id="the host holds it"),
    ],
)
def test_a_host_that_answers_is_named_and_silenced_by_the_hint(routed: Stage, make: str) -> None:
    box, observer = routed.hosts["box"], routed.lab.observer
    sh(box, make)

    answering = {routed.name_of(mac) for mac in arping(observer, VIP)}
    refused = program.run(box, *inside(routed, "realserver", "apply"))
    found = named(routed, expect=1)
    sh(box, found["HOST-ANSWERS"]["hint"])
    silent = {routed.name_of(mac) for mac in arping(observer, VIP)}
    if "address add" in make:
        # Somebody may be served by it there: that is for a person to decide.
        assert "keeps what is for the container" in found["HOST-ANSWERS"]["look"]
        box.ip(f"address del {VIP}/32 dev lo")

    assert answering == {"box", "director"}
    assert refused.returncode == 6
    assert f"cannot hold {VIP} silently: the host of this container answers ARP" in refused.stderr
    assert silent == {"director"}


def test_a_container_that_its_host_serves_well_has_no_findings(routed: Stage) -> None:
    assert named(routed, expect=0) == {}
    assert serves(routed) == {"rs1"}


def test_a_path_to_a_container_behind_its_host_is_judged_by_the_container(routed: Stage) -> None:
    director, (guest,) = routed.lab.director, routed.lab.realservers
    verify = there(routed, "verify")

    guest.ip(f"address del {VIP}/32 dev lvsdr0")
    missing = verified(director, *verify, expect=1)
    sh(guest, f"ip route del unreachable {VIP}", "sysctl -qw net/ipv4/ip_forward=1")
    looping = verified(director, *verify, expect=1)

    assert [(found["rule"], found["rip"]) for found in missing] == [("PATH-VIP-MISSING", RIP)]
    assert [(found["rule"], found["rip"]) for found in looping] == [("PATH-LOOP", RIP)]
