"""What apply takes from others: each address and link that falls silent is named beforehand.

A neighbour asks for every address, in three ways, before and after; what it misses then has to be
what plan and apply had said, and nothing else.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import program
import pytest
from arp_frames import Said, replies, who_has
from faults import sample
from rig import VIP, director, lvsdr, realserver, virtual_server, write
from witnesses import arping

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.rules.host.arp_reply import Question

MACS = {"eth0": "02:00:00:00:00:11", "eth1": "02:00:00:00:01:11"}
ASKER = "02:00:00:00:00:fa"
RIP, OTHER = "192.168.1.11", "192.168.1.77"
NEAR, FAR = "192.168.1.250", "198.51.100.9"
SENDERS = (NEAR, FAR, None)
DUMMY = f"link add d0 type dummy; link set d0 up; address add {OTHER}/32 dev d0"
Silent = set[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Cell:
    """A real server: commands of ip(8), fields of its profile, settings, and addresses to ask."""

    name: str
    made: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, int] = field(default_factory=dict)
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


CELLS = [
    Cell("nothing else"),
    Cell("an address on a dummy", DUMMY),
    Cell("an address on lo", f"address add {OTHER}/32 dev lo; address add 127.0.0.77/8 dev lo"),
    Cell("the VIP, by an old script", f"address add {VIP}/32 dev lo", {"holder": "lo"}),
    Cell("a second NIC", "link set eth1 up; address add 192.168.1.77/24 dev eth1"),
    Cell(
        "a host of containers",
        "link add docker0 type bridge; link set docker0 up; address add 172.17.0.1/16 dev docker0",
        also=("172.17.0.1",),
    ),
    Cell("silent already", DUMMY, settings={"eth0/arp_ignore": 1}),
    Cell("silent in a way that spoils", DUMMY, settings={"eth0/arp_ignore": 4}),
    Cell("arp_ignore 2", f"{DUMMY}; address add 10.9.9.9/32 dev eth0", {"arp_ignore": 2},
         also=("10.9.9.9",)),
    Cell("arp_ignore 8", DUMMY, {"arp_ignore": 8}),
    Cell("strict filter", DUMMY, {"arp_ignore": 2}, {"eth0/rp_filter": 1}),
    Cell("links", f"{DUMMY}; link set eth1 up", {"arp_scope": "links"}),
    Cell(
        "in a VRF",
        f"link add blue type vrf table 10; link set blue up; link set eth0 master blue; {DUMMY};"
        " link set d0 master blue; address add 192.168.1.78/32 dev lo",
        also=("192.168.1.78",),
    ),
    Cell("IPv6", "address add fd00::77/128 dev lo nodad", {"vips": ["fd00::2"]}),
]  # fmt: skip


@contextmanager
def built(made: str) -> Iterator[tuple[Host, Host]]:
    """Give a host with two NICs on one segment, of which eth1 is down, and a neighbour there."""
    with hosts(["switch", "host", "asker"]) as each:
        switch, host, asker = each["switch"], each["host"], each["asker"]
        switch.ip(
            "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            "link set br0 up",
            *(
                f"link add p{number} type veth peer name {name} address {mac} netns {where}"
                for number, (name, mac, where) in enumerate(
                    [
                        ("eth0", MACS["eth0"], host.namespace),
                        ("eth1", MACS["eth1"], host.namespace),
                        ("eth0", ASKER, asker.namespace),
                    ]
                )
            ),
            *(f"link set p{number} master br0 up" for number in range(3)),
        )
        asker.ip("link set eth0 up", f"address add {NEAR}/24 dev eth0")
        host.ip("link set eth0 up", f"address add {RIP}/24 dev eth0")
        host.ip(*(line.strip() for line in made.split(";") if line.strip()))
        yield host, asker


def heard(asker: Host, addresses: tuple[str, ...]) -> set[Said]:
    asked = [
        Question("eth0", IPv4Address(address), None if sender is None else IPv4Address(sender))
        for address in addresses
        for sender in SENDERS
    ]

    def ask() -> set[Said]:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as wire:
            wire.bind(("eth0", 0x0806))
            wire.settimeout(0.1)
            for question in asked:
                wire.send(who_has(question, ASKER))
            return set(replies(wire))

    return asker.inside(ask)


def missed(before: set[Said], after: set[Said]) -> Silent:
    """Return what fell silent on the wire: link, address, and for whom."""
    found: Silent = set()
    for link, mac in MACS.items():
        for address in {each.address for each in before} - {VIP}:
            was, now = (
                {each.asker for each in said if (each.address, each.mac) == (address, mac)}
                for said in (before, after)
            )
            if was & {NEAR, "0.0.0.0"} and not now & {NEAR, "0.0.0.0"}:
                found.add((link, address, "everybody"))
            elif FAR in was - now:
                found.add((link, address, "other subnets" if now else "everybody"))
    return found


def told(document: dict[str, Any]) -> Silent:
    """Return what was said of the links that the neighbour can ask."""
    return {
        (each["link"], each["address"], each["to"])
        for each in document["silences"]
        if each["link"] in MACS
    }


@pytest.mark.parametrize("cell", [CELLS[each] for each in sample(len(CELLS), 7)], ids=str)
def test_what_falls_silent_is_what_was_said(cell: Cell, tmp_path: Path) -> None:
    profile = write(tmp_path, realserver(**cell.fields))
    asked = (RIP, OTHER, VIP, "127.0.0.77", *cell.also)

    with built(cell.made) as (host, asker):
        for name, value in cell.settings.items():
            host.sysctl(f"net/ipv4/conf/{name}", value)
        before = heard(asker, asked)
        planned = json.loads(
            lvsdr(host, "realserver", "plan", profile, "--format", "json", expect=1)
        )
        applied = json.loads(lvsdr(host, "realserver", "apply", profile, "--format", "json"))
        after = heard(asker, asked)
        again = json.loads(lvsdr(host, "realserver", "apply", profile, "--format", "json"))

    assert (RIP, MACS["eth0"], NEAR) in {(each.address, each.mac, each.asker) for each in before}
    assert told(planned) == missed(before, after)
    assert applied["silences"] == planned["silences"]
    assert {VIP, "127.0.0.1", "127.0.0.77"}.isdisjoint(
        each["address"] for each in planned["silences"]
    )
    assert again["silences"] == []


def test_people_are_told_beforehand_and_may_have_it_refused(tmp_path: Path) -> None:
    warn = write(tmp_path, realserver(name="web"), "warn")
    refuse = write(tmp_path, realserver(name="web", silences="refuse"), "refuse")
    line = f"eth0 falls silent on ARP for {OTHER} (d0)"

    with built(DUMMY) as (host, asker):
        planned = lvsdr(host, "realserver", "plan", warn, expect=1)
        commands = lvsdr(host, "realserver", "plan", warn, "--format", "commands", expect=1)
        as_it_was = host.state()
        refused = program.run(host, "realserver", "apply", str(refuse))
        document = program.run(host, "realserver", "apply", str(refuse), "--format", "json")
        left, heard_then = host.state(), arping(asker, OTHER)
        done = program.run(host, "realserver", "apply", str(warn))
        heard_now = arping(asker, OTHER)
        again = program.run(host, "realserver", "apply", str(refuse))

    assert f"warning: {line}\n" in planned
    assert f"# warning: {line}\n" in commands
    assert refused.returncode == document.returncode == 6
    assert line in refused.stderr and line in json.loads(document.stdout)["notes"]
    assert (left, heard_then) == (as_it_was, {MACS["eth0"]})
    assert (done.returncode, done.stderr) == (0, f"lvsdr: warning: {line}\n")
    assert heard_now == set()
    assert (again.returncode, again.stdout, again.stderr) == (0, "nothing to change\n", "")


def test_links_leaves_a_container_its_way_to_its_host(tmp_path: Path) -> None:
    """Its cable has no address on the host's side: it asks there for an address of the host."""
    profiles = {
        scope: write(
            tmp_path, realserver(name="web", arp_scope=scope, clients=["192.168.1.0/24"]), scope
        )
        for scope in ("all", "links")
    }

    with built("") as (host, _), hosts(["inside"]) as made:
        inside = made["inside"]
        host.ip(f"link add c1 type veth peer name eth0 netns {inside.namespace}", "link set c1 up")
        inside.ip("link set eth0 up", "address add 192.168.1.90/32 dev eth0")
        inside.ip(f"route add {RIP} dev eth0")
        lvsdr(host, "realserver", "apply", profiles["links"])
        with_links = arping(inside, RIP), lvsdr(host, "realserver", "verify", profiles["links"])
        value = host.run("cat", "/proc/sys/net/ipv4/conf/c1/arp_ignore").stdout
        plan = lvsdr(host, "realserver", "plan", profiles["all"], expect=1)
        lvsdr(host, "realserver", "apply", profiles["all"])
        with_all = arping(inside, RIP)

    assert len(with_links[0]) == 1
    assert with_links[1] == "verified: no findings\n"
    assert value == "0\n"
    assert f"warning: c1 falls silent on ARP for {RIP} (eth0)\n" in plan
    assert with_all == set()


def test_a_director_that_mends_arp_flux_says_what_it_takes(tmp_path: Path) -> None:
    wanted = director(virtual_server(rips=["192.168.1.12"]))
    profile = write(tmp_path, wanted)
    second = "link set eth1 up; address add 192.168.1.78/24 dev eth1 noprefixroute"

    with built(f"{DUMMY}; {second}") as (host, asker):
        before = heard(asker, (RIP, OTHER, "192.168.1.78"))
        planned = json.loads(lvsdr(host, "director", "plan", profile, "--format", "json", expect=1))
        lvsdr(host, "director", "apply", profile)
        after = heard(asker, (RIP, OTHER, "192.168.1.78"))

    assert told(planned) == missed(before, after)
    assert ("eth0", OTHER, "everybody") in told(planned)
    assert ("eth1", RIP, "everybody") in told(planned)
