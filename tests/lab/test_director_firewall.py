"""What a director's own firewall keeps from IPVS, told by what comes in on its link."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

import pytest
from load import asked
from rig import (
    VIP,
    Document,
    Rig,
    director,
    realserver,
    rig,
    settled,
    verified,
    virtual_server,
)

from lvsdr.lab.services import serving

RULE = "DIRECTOR-FIREWALL"
# As administrators write it, and as vrrp_strict of keepalived does.
REJECTS = ("INPUT -p tcp --dport 22 -j ACCEPT", "INPUT -p tcp --dport 80 -j REJECT")
STRICT = (f"INPUT -d {VIP} -j DROP",)
BEYOND = ("INPUT ! -s 192.168.1.0/24 -p tcp --dport 80 -j DROP",)
SPAN = 4000
LOWEST_PORTS = count(10_000, SPAN)
CAUSES = {"C1": REJECTS, "C6": STRICT, "beyond": BEYOND}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two real servers that serve, in turn."""
    wanted = director(virtual_server(scheduler="rr"))
    with rig(tmp_path_factory.mktemp("clients"), wanted, realserver()) as made, ExitStack() as all_:
        made.apply()
        for host in made.lab.realservers:
            all_.enter_context(serving(host, made.services))
        yield made


@contextmanager
def filtered(made: Rig, rules: tuple[str, ...]) -> Iterator[None]:
    for rule in rules:
        made.lab.director.run("iptables-legacy", "-A", *rule.split())
    try:
        yield
    finally:
        made.lab.director.run("iptables-legacy", "-F")


def findings(made: Rig, *, expect: int) -> tuple[list[Document], int]:
    """Return what is found while a client asks all the time, and how many answers it gets."""
    words = ("director", "verify", made.director, "--seconds", "3")
    # The connection of a port that was used before is in the table still, and looks like an answer.
    low = next(LOWEST_PORTS)
    made.lab.client.sysctl("net/ipv4/ip_local_port_range", f"{low} {low + SPAN - 1}")
    with asked(made.lab.client, VIP, pause=0.05) as answers:
        found = verified(made.lab.director, *words, expect=expect)
    return found, len(answers)


def test_1_what_gets_through_is_no_finding(made: Rig) -> None:
    found, answered = findings(made, expect=0)

    assert found == []
    assert answered > 0


@pytest.mark.parametrize("cause", CAUSES)
def test_2_a_firewall_that_keeps_clients_out_is_named(made: Rig, cause: str) -> None:
    with filtered(made, CAUSES[cause]):
        found, answered = findings(made, expect=1)

    assert answered == 0
    assert [(one["rule"], one["severity"], one["vip"], one["subject"]) for one in found] == [
        (RULE, "error", VIP, "eth0")
    ]
    assert found[0]["look"].startswith("nft list ruleset; iptables-save")
    assert (found[0]["hint"], found[0]["on"]) == (None, None)


def test_3_without_a_client_nothing_is_said_of_a_firewall(made: Rig) -> None:
    with filtered(made, STRICT):
        words = ("director", "verify", made.director, "--seconds", "0.5")
        found = verified(made.lab.director, *words, expect=0)

    assert found == []


@pytest.mark.parametrize("refusing", ["no weight", "too many", "no service"])
def test_4_what_ipvs_itself_refuses_is_no_firewall(made: Rig, refusing: str) -> None:
    host, where = made.lab.director, ("-t", f"{VIP}:80")
    with refused_by_ipvs(made, refusing):
        found, answered = findings(made, expect=1)

    assert answered == 0
    assert {one["rule"] for one in found} == {"DRIFT"}
    assert host.run("ipvsadm", "-L", "-n", *where).returncode == 0


@contextmanager
def refused_by_ipvs(made: Rig, refusing: str) -> Iterator[None]:
    host, where = made.lab.director, ("-t", f"{VIP}:80")
    rips = ("192.168.1.11", "192.168.1.12")
    for rip in rips:
        host.run("ipvsadm", "-e", *where, "-r", rip, "-g", "-w", "0")
    if refusing == "too many":
        for rip in rips:
            host.run("ipvsadm", "-e", *where, "-r", rip, "-g", "-w", "1", "-x", "1", "-y", "0")
        # It is at the next connection that a real server is found to have too many.
        with asked(made.lab.client, VIP, pause=0.0) as answers:
            settled(lambda: len(answers) > 1, True)
    elif refusing == "no service":
        host.run("ipvsadm", "-D", *where)
    try:
        yield
    finally:
        made.apply()
