"""Proving it: what `verify` says of a healthy cluster, and of each fault made for real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rig import (
    RIP6,
    RIPS,
    VIP,
    VIP6,
    Document,
    Rig,
    director,
    for_now,
    lvsdr,
    realserver,
    refused,
    rig,
    settings,
    verified,
    virtual_server,
)
from witnesses import arping, arping_probe, ndisc6, neighbour

SHORTLY = ("--seconds", "0.5")
PLACES = ["anywhere", "director", "realserver"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two real servers on IPv4 and one on IPv6, all applied."""
    wanted = director(virtual_server(), virtual_server(VIP6, [RIP6]))
    with rig(tmp_path_factory.mktemp("verify"), wanted, realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        yield made


@contextmanager
def leaking(made: Rig, count: int = 1) -> Iterator[None]:
    """Let the first real servers answer for their VIP."""
    for host in made.lab.realservers[:count]:
        settings(host, {"all/arp_ignore": 0, "all/arp_announce": 0})
    try:
        yield
    finally:
        for host in made.lab.realservers[:count]:
            settings(host, {"all/arp_ignore": 1, "all/arp_announce": 2})


def findings(made: Rig, place: str, *, expect: int) -> list[Document]:
    """Return what the verifying command of a place finds."""
    lab = made.lab
    if place == "realserver":
        return verified(lab.realservers[0], place, "verify", made.realserver, expect=expect)
    if place == "director":
        words = (place, "verify", made.director, "--no-paths", *SHORTLY)
        return verified(lab.director, *words, expect=expect)
    asked = ("verify", made.director, "--no-services", *SHORTLY)
    return verified(lab.observer, *asked, expect=expect)


def rules(found: list[Document]) -> set[str]:
    return {finding["rule"] for finding in found}


@pytest.mark.parametrize("place", PLACES)
def test_a_healthy_cluster_has_no_findings(made: Rig, place: str) -> None:
    found = findings(made, place, expect=0)

    assert found == []


@pytest.mark.parametrize("place", ["anywhere", "director"])
def test_a_real_server_that_answers_is_named(made: Rig, place: str) -> None:
    with leaking(made):
        found = findings(made, place, expect=1)

    assert [(one["rule"], one["vip"], one["mac"], one["rip"]) for one in found] == [
        ("ARP-ANSWER", VIP, made.mac(made.lab.realservers[0]), RIPS[0])
    ]


@pytest.mark.parametrize("place", ["anywhere", "director"])
def test_to_ask_leads_no_router_to_a_real_server_that_answers(made: Rig, place: str) -> None:
    lab = made.lab
    host = lab.realservers[2]
    made.served(made.services[1], times=1)
    before = neighbour(lab.gateway, VIP6)

    host.ip(f"address add {VIP6}/128 dev eth0 nodad")
    found = findings(made, place, expect=1)
    after = neighbour(lab.gateway, VIP6)
    host.ip(f"address del {VIP6}/128 dev eth0")

    assert rules(found) == {"ND-ANSWER"}
    assert before == after == made.mac(lab.director)


def test_every_real_server_that_answers_is_named(made: Rig) -> None:
    lab = made.lab

    with leaking(made, 2):
        answered = arping(lab.observer, VIP)
        answered_probe = arping_probe(lab.observer, VIP)
        found = findings(made, "anywhere", expect=1)

    everybody = {made.mac(host) for host in (lab.director, *lab.realservers[:2])}
    assert (answered, answered_probe) == (everybody, everybody)
    assert {(one["rule"], one["rip"]) for one in found} == {("ARP-ANSWER", rip) for rip in RIPS}


def test_a_real_server_finds_its_own_settings_wrong(made: Rig) -> None:
    with leaking(made):
        found = findings(made, "realserver", expect=1)

    assert [(one["rule"], one["subject"]) for one in found] == [
        ("ARP-IGNORE", "eth0"),
        ("ARP-ANNOUNCE", "eth0"),
    ]


def test_a_real_server_that_answers_finds_itself_when_it_asks_the_segment(made: Rig) -> None:
    host = made.lab.realservers[0]

    with leaking(made):
        found = verified(host, "verify", made.director, *SHORTLY, expect=1)

    assert [(one["rule"], one["mac"], one["rip"]) for one in found] == [
        ("ARP-ANSWER", made.mac(host), RIPS[0])
    ]


def test_a_real_server_that_has_lost_the_vip_differs_from_its_profile(made: Rig) -> None:
    there = f"{VIP}/32 dev lvsdr0"

    with for_now(
        made.lab.realservers[0],
        do=f"address del {there}",
        undo=f"address add {there} scope host",
    ):
        found = findings(made, "realserver", expect=1)

    assert [(one["rule"], one["vip"]) for one in found] == [("DRIFT", VIP)]


def test_nobody_answers_when_the_director_has_lost_the_vip(made: Rig) -> None:
    host = made.lab.director
    there = f"{VIP}/32 dev eth0 label eth0:0"

    with for_now(host, do=f"address del {VIP}/32 dev eth0", undo=f"address add {there}"):
        found = findings(made, "anywhere", expect=1)

    assert [(one["rule"], one["vip"]) for one in found] == [("ARP-NOBODY", VIP)]


def test_a_second_director_is_found(made: Rig) -> None:
    # To the segment, any host that answers and is no real server is one.
    second = made.lab.gateway
    there = f"{VIP}/32 dev eth0"

    with for_now(second, do=f"address add {there}", undo=f"address del {there}"):
        found = findings(made, "anywhere", expect=1)

    assert rules(found) == {"ARP-TWO-DIRECTORS"}
    assert all(made.mac(host) in found[0]["message"] for host in (second, made.lab.director))


@contextmanager
def vip_on_eth0(made: Rig) -> Iterator[None]:
    there = f"{VIP}/32 dev eth0"
    with for_now(made.lab.realservers[0], do=f"address add {there}", undo=f"address del {there}"):
        yield


def test_a_vip_on_the_link_of_a_real_server_is_answered_in_spite_of_all_settings(
    made: Rig,
) -> None:
    with vip_on_eth0(made):
        answered = arping(made.lab.observer, VIP)
        found = findings(made, "anywhere", expect=1)

    culprit = made.mac(made.lab.realservers[0])
    assert culprit in answered
    assert [(one["rule"], one["mac"]) for one in found] == [("ARP-ANSWER", culprit)]


def test_a_real_server_finds_the_vip_on_its_link(made: Rig) -> None:
    with vip_on_eth0(made):
        found = findings(made, "realserver", expect=1)

    assert [(one["rule"], one["subject"]) for one in found] == [("VIP-ON-LINK", "eth0")]


def test_a_real_server_with_the_vip_on_its_link_cannot_be_applied(made: Rig) -> None:
    with vip_on_eth0(made):
        said = refused(made.lab.realservers[0], "realserver", "apply", made.realserver, expect=6)

    held = f"ip address del {VIP}/32 dev eth0 && lvsdr realserver apply {made.realserver}"
    assert f"hint: {held}" in said


def test_without_a_fault_only_the_director_answers_on_ipv6(made: Rig) -> None:
    answered = ndisc6(made.lab.observer, VIP6)

    assert answered == {made.mac(made.lab.director)}


def test_an_ipv6_vip_on_the_link_of_a_real_server_is_named(made: Rig) -> None:
    host = made.lab.realservers[2]
    there = f"{VIP6}/128 dev eth0"

    with for_now(host, do=f"address add {there} nodad", undo=f"address del {there}"):
        answered = ndisc6(made.lab.observer, VIP6)
        found = findings(made, "anywhere", expect=1)

    assert made.mac(host) in answered
    assert [(one["rule"], one["vip"], one["mac"], one["rip"]) for one in found] == [
        ("ND-ANSWER", VIP6, made.mac(host), RIP6)
    ]


def test_what_was_found_is_mended_by_applying_again(made: Rig) -> None:
    host = made.lab.realservers[0]

    with leaking(made):
        lvsdr(host, "realserver", "apply", made.realserver)
        found = findings(made, "realserver", expect=0)
        answered = arping(made.lab.observer, VIP)

    assert found == []
    assert answered == {made.mac(made.lab.director)}
