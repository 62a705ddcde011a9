"""Routers that heed no announcement: a question in the VIP's name heals them, and is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

import pytest
from rig import VIP, VIP6, Rig, director, lvsdr, realserver, refused, rig, virtual_server
from witnesses import captured, frames_about, neighbour

from lvsdr.lab.lab_host import Host
from lvsdr.wire.announce import Announcer

GATEWAY, GATEWAY6 = "192.168.1.1", "fd00::1"
WRONG = "02:00:00:00:00:99"


@dataclass(frozen=True, slots=True)
class Family:
    """A VIP, its gateway, and the setting by which a router heeds no announcement."""

    vip: str
    gateway: str
    deaf: str

    def __str__(self) -> str:
        return self.vip


FAMILIES = (
    Family(VIP, GATEWAY, "net/ipv4/conf/eth0/drop_gratuitous_arp"),
    Family(VIP6, GATEWAY6, "net/ipv6/conf/eth0/drop_unsolicited_na"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    served = director(virtual_server(), virtual_server(VIP6, ("fd00::13",)))
    with rig(tmp_path_factory.mktemp("announce"), served, realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        for each in FAMILIES:
            made.lab.gateway.sysctl(each.deaf, 1)
        yield made


def poison(gateway: Host, vip: str) -> None:
    """Give the gateway the entry that a real server's question has left there."""
    gateway.ip(f"neighbour replace {vip} lladdr {WRONG} dev eth0 nud reachable")


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_an_announcement_alone_does_not_heal_such_a_router(made: Rig, family: Family) -> None:
    """The fault that is guarded against is real."""
    poison(made.lab.gateway, family.vip)

    def announced() -> None:
        with Announcer("eth0") as announcer:
            announcer.announce([ip_address(family.vip)])

    made.lab.director.inside(announced)

    assert neighbour(made.lab.gateway, family.vip) == WRONG


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_announce_heals_it_and_says_that_it_answered(made: Rig, family: Family) -> None:
    host = made.lab.director
    poison(made.lab.gateway, family.vip)

    said = lvsdr(host, "director", "announce", made.director)

    assert neighbour(made.lab.gateway, family.vip) == made.mac(host)
    assert f"told {family.gateway}, which answered" in said


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_a_new_vip_heals_it_too(made: Rig, family: Family) -> None:
    host = made.lab.director
    length = 128 if ":" in family.vip else 32
    host.ip(f"address del {family.vip}/{length} dev eth0")
    poison(made.lab.gateway, family.vip)

    lvsdr(host, "director", "apply", made.director)

    assert neighbour(made.lab.gateway, family.vip) == made.mac(host)


def test_a_gateway_that_does_not_answer_is_named(made: Rig) -> None:
    host, gateway = made.lab.director, made.lab.gateway
    gateway.sysctl("net/ipv4/conf/all/arp_ignore", 8)
    try:
        people = lvsdr(host, "director", "announce", made.director)
        said = lvsdr(host, "director", "announce", "--format", "json", made.director)
    finally:
        gateway.sysctl("net/ipv4/conf/all/arp_ignore", 0)

    assert f"could not tell {GATEWAY}: it did not answer" in people
    assert json.loads(said)["neighbours"] == [
        {"address": GATEWAY, "told": [], "untold": [VIP]},
        {"address": GATEWAY6, "told": [VIP6], "untold": []},
    ]


def test_another_router_can_be_named(made: Rig) -> None:
    host = made.lab.director
    words = ("--to", "192.168.1.250", "--to", "192.168.1.99", "--format", "json")

    said = json.loads(lvsdr(host, "director", "announce", *words, made.director))

    told = {each["address"]: each["told"] for each in said["neighbours"]}
    assert told == {
        GATEWAY: [VIP],
        GATEWAY6: [VIP6],
        "192.168.1.250": [VIP],
        "192.168.1.99": [],
    }


def test_who_does_not_hold_the_vip_asks_nobody_in_its_name(made: Rig) -> None:
    """A real server that does so draws the traffic to itself."""
    with captured(made.lab.realservers[0], "eth0", "arp or icmp6") as frames:
        said = refused(made.lab.realservers[0], "director", "announce", made.director, expect=6)

    assert "cannot announce" in said
    assert frames_about(frames, made.mac(made.lab.realservers[0]), (VIP, VIP6)) == []
