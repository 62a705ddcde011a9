"""Real servers in containers: a bridge or a filter of their hosts, and their own namespace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from containers import RIP, SILENT_HOST, VIP, applied, named, served, serves, sh
from rig import lvsdr, settings, write
from witnesses import arping

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.lab.scenario import director_document, realserver_document
from lvsdr.lab.scenarios import SCENARIOS


def test_answers_that_the_hosts_strict_filter_drops_are_named_and_let_out_by_the_hint() -> None:
    # In a tunnel the requests are for the RIP: the host needs no route to the VIP.
    tunnelled = replace(
        SCENARIOS["routed"],
        director=director_document(VIP, RIP, method="tunnel"),
        realserver=realserver_document(VIP, holder="tunl0"),
    )
    strict = "sysctl -qw net/ipv4/conf/veth1/rp_filter=1"
    with applied(tunnelled, *SILENT_HOST, strict) as built:
        without = served(built)
        found = named(built, expect=1)
        sh(built.hosts["box"], found["HOST-RETURN"]["hint"])
        after = serves(built)

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
def test_a_bridge_that_asks_the_hosts_firewall_is_named() -> None:
    calls = [f"net/bridge/bridge-nf-call-{name}" for name in ("iptables", "arptables")]
    off = [f"sysctl -qw {call}=0" for call in calls]
    # What container engines do, for what the host routes.
    drop = "iptables-legacy -P FORWARD DROP"
    with applied(SCENARIOS["bridged"], drop, *off) as built:
        unasked, nothing = serves(built), named(built, expect=0)
        sh(built.hosts["box"], f"sysctl -qw {calls[0]}=1")
        without, found = served(built), named(built, expect=0)
        sh(built.hosts["box"], f"sysctl -qw {calls[0]}=0")
        after = serves(built)

    assert (unasked, nothing) == ({"rs1"}, {})
    assert without == {"nobody"}
    assert found["BRIDGE-FILTER"]["severity"] == "warning"
    # Other containers of the host may live by it.
    assert found["BRIDGE-FILTER"]["hint"] is None
    assert f"{calls[0]}=0" in found["BRIDGE-FILTER"]["look"]
    assert after == {"rs1"}


def test_a_closed_port_is_named_and_opens_without_spanning_tree() -> None:
    closed = (
        "ip link set br0 type bridge stp_state 1 forward_delay 3000",
        "ip link set veth1 nomaster",
        "ip link set veth1 master br0",
    )
    with applied(SCENARIOS["bridged"]) as built:
        sh(built.hosts["box"], *closed)
        # The container hears no gateway either.
        without, found = served(built), named(built, expect=1)
        sh(built.hosts["box"], found["BRIDGE-DELAY"]["look"].rpartition(": ")[2])
        sh(built.hosts["box"], "bridge link set dev veth1 state 3")
        after, left = serves(built), named(built, expect=0)

    assert without == {"nobody"}
    assert found["BRIDGE-DELAY"]["subject"] == "veth1"
    # Whether the bridge is in a loop is not known here.
    assert found["BRIDGE-DELAY"]["hint"] is None
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


def test_a_host_that_cannot_be_looked_at_is_told_and_the_container_set_up_all_the_same(
    tmp_path: Path,
) -> None:
    profile = write(tmp_path, realserver_document(VIP, interface="lo0"))
    lvsdr_there = f"{sys.executable} -m lvsdr realserver apply --netns /proc/$!/ns/net {profile}"
    # Root of a user namespace has no right to the network namespace in which it was made.
    alone = (
        "unshare -n sh -c 'ip link add lo0 type veth peer far0; exec sleep 60' &"
        " for _ in $(seq 100); do nsenter --net=/proc/$!/ns/net ip link show lo0 && break;"
        " sleep 0.1; done >/dev/null 2>&1;"
        f" {lvsdr_there} --allow-insecure-profile; code=$?; kill $!; exit $code"
    )

    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", alone], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done
    assert "the host of this container is not looked at: cannot enter" in done.stderr
    assert f"+ {VIP}/32 on lvsdr0" in done.stdout


# --- a link with a dot in its name ---------------------------------------------------------------


def test_the_settings_of_a_vlan_can_be_typed_as_they_are_shown(tmp_path: Path) -> None:
    profile = write(tmp_path, realserver_document(VIP, interface="bond0.100", arp_scope="links"))
    setting = "net/ipv4/conf/bond0.100/arp_ignore"
    with hosts(["solo"]) as made:
        solo = made["solo"]
        solo.ip("link add bond0.100 type veth peer name far0", "link set bond0.100 up")
        dotted = solo.run("sysctl", "-w", setting.replace("/", ".") + "=1", check=False)
        commands = lvsdr(solo, "realserver", "plan", profile, "--format", "commands", expect=1)
        sh(solo, *commands.splitlines())
        value = solo.run("cat", f"/proc/sys/{setting}").stdout

        assert dotted.returncode != 0
        assert value == "1\n"
        assert lvsdr(solo, "realserver", "plan", profile) == "nothing to change\n"
