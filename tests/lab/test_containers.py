"""Real servers in containers: what their hosts do to them, named from there, mended by the hint."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import program
import pytest
from onlookers import ONLOOKERS
from rig import Document, checked, settings, verified
from witnesses import arping

from lvsdr.lab.cluster import hosts
from lvsdr.lab.host import Host
from lvsdr.lab.scenario import Scenario, director, realserver
from lvsdr.lab.scenarios import SCENARIOS
from lvsdr.lab.stage import Stage, stage

VIP, RIP = "192.168.1.2", "192.168.1.11"
SILENT_HOST = (
    "sysctl -qw net/ipv4/conf/eth0/proxy_arp=0",
    f"ip neighbour replace proxy {RIP} dev eth0",
)
ROUTE = f"ip route replace {VIP}/32 via {RIP} dev veth1"


def sh(host: Host, *lines: str) -> None:
    host.run("sh", "-c", " && ".join(lines))


def inside(built: Stage, *arguments: str) -> tuple[str, ...]:
    """Return the words that run lvsdr for the container, on its host."""
    (guest,) = built.lab.realservers
    path = built.file(guest)
    return (*arguments, "--netns", guest.namespace, str(path), "--allow-insecure-profile")


def there(built: Stage, verb: str) -> tuple[str, ...]:
    """Return the words that run lvsdr on the director."""
    return ("director", verb, str(built.file(built.lab.director)), "--allow-insecure-profile")


def named(built: Stage, expect: int) -> dict[str, Document]:
    """Return what verify finds, by its id."""
    words = inside(built, "realserver", "verify")
    findings = verified(built.hosts["box"], *words, expect=expect)
    return {finding["rule"]: finding for finding in findings}


def served(built: Stage) -> set[str]:
    return ONLOOKERS["serving"](built)


@contextmanager
def applied(scenario: Scenario, *lines: str) -> Iterator[Stage]:
    """Give a scenario's machines with the profiles applied, once `lines` were typed on the box."""
    with stage(scenario, program.run) as built:
        box, director = built.hosts["box"], built.lab.director
        if lines:
            sh(box, *lines)
        checked(program.run(box, *inside(built, "realserver", "apply")), 0)
        checked(program.run(director, *there(built, "apply")), 0)
        yield built


# --- behind the routes of its host ---------------------------------------------------------------


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
    after = served(routed)

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

    assert answering == {"box", "director"}
    assert refused.returncode == 6
    assert f"cannot hold {VIP} silently: the host of this container answers ARP" in refused.stderr
    assert silent == {"director"}


def test_a_container_that_its_host_serves_well_has_no_findings(routed: Stage) -> None:
    assert named(routed, expect=0) == {}
    assert served(routed) == {"rs1"}


def test_a_path_to_a_container_behind_its_host_is_judged_by_the_container(routed: Stage) -> None:
    director, (guest,) = routed.lab.director, routed.lab.realservers
    verify = there(routed, "verify")

    guest.ip(f"address del {VIP}/32 dev lvsdr0")
    missing = verified(director, *verify, expect=1)
    sh(guest, f"ip route del unreachable {VIP}", "sysctl -qw net/ipv4/ip_forward=1")
    looping = verified(director, *verify, expect=1)

    assert [(found["rule"], found["rip"]) for found in missing] == [("PATH-VIP-MISSING", RIP)]
    assert [(found["rule"], found["rip"]) for found in looping] == [("PATH-LOOP", RIP)]


def test_answers_that_the_hosts_strict_filter_drops_are_named_and_let_out_by_the_hint() -> None:
    # In a tunnel the requests are for the RIP: the host needs no route to the VIP.
    tunnelled = replace(
        SCENARIOS["routed"],
        director=director(VIP, RIP, method="tunnel"),
        realserver=realserver(VIP, holder="tunl0"),
    )
    strict = "sysctl -qw net/ipv4/conf/veth1/rp_filter=1"
    with applied(tunnelled, *SILENT_HOST, strict) as built:
        without = served(built)
        found = named(built, expect=1)
        sh(built.hosts["box"], found["HOST-RETURN"]["hint"])
        after = served(built)

    assert without == {"nobody"}
    assert set(found) == {"HOST-RETURN"}
    assert after == {"rs1"}


# --- in the bridge of its host -------------------------------------------------------------------


@pytest.fixture
def br_netfilter() -> Iterator[None]:
    subprocess.run(["modprobe", "br_netfilter"], check=True)
    yield
    subprocess.run(["modprobe", "-r", "br_netfilter"], check=True)


@pytest.mark.usefixtures("br_netfilter")
def test_a_bridge_that_asks_the_hosts_firewall_is_named_and_stopped_by_the_hint() -> None:
    calls = [f"net/bridge/bridge-nf-call-{name}" for name in ("iptables", "arptables")]
    off = [f"sysctl -qw {call}=0" for call in calls]
    # What container engines do, for what the host routes.
    drop = "iptables-legacy -P FORWARD DROP"
    with applied(SCENARIOS["bridged"], drop, *off) as built:
        unasked, nothing = served(built), named(built, expect=0)
        sh(built.hosts["box"], f"sysctl -qw {calls[0]}=1")
        without, found = served(built), named(built, expect=0)
        sh(built.hosts["box"], found["BRIDGE-FILTER"]["hint"])
        after = served(built)

    assert (unasked, nothing) == ({"rs1"}, {})
    assert without == {"nobody"}
    assert found["BRIDGE-FILTER"]["severity"] == "warning"
    assert after == {"rs1"}


def test_a_closed_port_is_named_and_opened_by_the_hint() -> None:
    closed = (
        "ip link set br0 type bridge stp_state 1 forward_delay 1500",
        "ip link set veth1 nomaster",
        "ip link set veth1 master br0",
    )
    with applied(SCENARIOS["bridged"]) as built:
        sh(built.hosts["box"], *closed)
        without, found = served(built), named(built, expect=0)
        sh(built.hosts["box"], found["BRIDGE-DELAY"]["hint"])
        after, left = served(built), named(built, expect=0)

    assert without == {"nobody"}
    assert found["BRIDGE-DELAY"]["subject"] == "veth1"
    assert (after, left) == ({"rs1"}, {})


# --- the namespace itself ------------------------------------------------------------------------


@pytest.fixture
def silent_kernel() -> Iterator[None]:
    """Let new namespaces start with arp_ignore 1: they copy `all` of the initial one."""
    path = Path("/proc/sys/net/ipv4/conf/all/arp_ignore")
    before = path.read_text(encoding="ascii")
    path.write_text("1\n", encoding="ascii")
    yield
    path.write_text(before, encoding="ascii")


def pair(made: dict[str, Host]) -> None:
    made["asker"].ip(f"link add eth0 type veth peer eth0 netns {made['container'].namespace}")
    for name, end in (("asker", 1), ("container", 11)):
        made[name].ip("link set eth0 up", f"address add 192.168.1.{end}/24 dev eth0")
    made["container"].ip(f"address add {VIP}/32 dev lo")


@pytest.mark.usefixtures("silent_kernel")
def test_a_new_namespace_starts_with_the_settings_of_the_initial_one() -> None:
    with hosts(["asker", "container"]) as made:
        pair(made)

        assert arping(made["asker"], VIP) == set()


def test_a_running_namespace_does_not_follow_the_initial_one(
    request: pytest.FixtureRequest,
) -> None:
    with hosts(["asker", "container"]) as made:
        pair(made)
        request.getfixturevalue("silent_kernel")
        loud = arping(made["asker"], VIP)
        settings(made["container"], {"all/arp_ignore": 1})

        assert len(loud) == 1
        assert arping(made["asker"], VIP) == set()
