"""Links of every kind: what the model says that a host answers, against what its wire says.

In each cell a host, or a host and a container of its, is set up; a neighbour asks for each address
in three ways by frames made by hand. Who answered, with which MAC, has to be what the model of each
link says, and nothing else.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import product

import pytest
from arp_frames import Said, replies, who_has
from rig import lvsdr, settings
from witnesses import arping, arping_probe

from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.host import Host as ThisHost
from lvsdr.model.route_lookup import Packet
from lvsdr.rules.host.arp_reply import Question, packets, reply

HOST_MAC, OWN_MAC = "02:00:00:00:00:11", "02:00:00:00:00:fa"
RIP, VIP, CHILD, NOBODY = "192.168.1.11", "192.168.1.2", "192.168.1.40", "192.168.1.99"
SENDERS = ("192.168.1.250", "172.31.0.250", None)
TARGETS = (RIP, VIP, CHILD, NOBODY, "127.0.0.1")
VALUES = (0, 1, 2, 8)
RIP_ON_ETH0 = "address add 192.168.1.11/24 dev eth0"
DUMMY = "link add d0 type dummy; link set d0 up; address add 192.168.1.2/32 dev d0"
BLUE = "link add blue type vrf table 10; link set blue up; link set eth0 master blue"
LOCAL_LAST = "rule add pref 32765 lookup local; rule del pref 0"
CLOSED = "route add table 10 unreachable default metric 4278198272"
ON_CHILD = "link set c0 up; address add 192.168.1.40/24 dev c0"


@dataclass(frozen=True, slots=True)
class Cell:
    """A host's commands of ip(8), and those of the container that gets the link c0, if any."""

    name: str
    host: str
    container: str = ""

    def __str__(self) -> str:
        return self.name


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.split(";") if line.strip()]


def also(*parts: str) -> str:
    return "; ".join(parts)


VRF_PLACES = {
    "holder inside": also(BLUE, RIP_ON_ETH0, DUMMY, "link set d0 master blue"),
    "holder outside": also(BLUE, RIP_ON_ETH0, DUMMY),
    "on lo, outside": also(BLUE, RIP_ON_ETH0, "address add 192.168.1.2/32 dev lo"),
    "on the vrf itself": also(BLUE, RIP_ON_ETH0, "address add 192.168.1.2/32 dev blue"),
    "on both sides": also(
        BLUE, RIP_ON_ETH0, DUMMY, "link set d0 master blue", "address add 192.168.1.2/32 dev lo"
    ),
    "a local route inside": also(
        BLUE, RIP_ON_ETH0, "route add local 192.168.1.2 table 10 dev eth0"
    ),
    "only the holder inside": also(
        "link add blue type vrf table 10; link set blue up",
        RIP_ON_ETH0,
        DUMMY,
        "link set d0 master blue",
    ),
    "a bridge inside": also(
        "link add blue type vrf table 10; link set blue up",
        "link add br0 type bridge forward_delay 0",
        f"link set br0 address {HOST_MAC}; link set br0 up; link set eth0 master br0",
        "link set br0 master blue; address add 192.168.1.11/24 dev br0",
        DUMMY,
        "link set d0 master blue",
    ),
    "no vrf at all": also(RIP_ON_ETH0, DUMMY),
}
RULES = {"": "", ", local last": LOCAL_LAST, ", local last and closed": also(LOCAL_LAST, CLOSED)}
VRFS = [
    Cell(f"vrf: {place}{rule}", also(text, more))
    for (place, text), (rule, more) in product(VRF_PLACES.items(), RULES.items())
    if "closed" not in rule or "blue" in text
]
KINDS = (
    *(f"macvlan mode {mode}" for mode in ("bridge", "private", "vepa", "passthru")),
    *(f"ipvlan mode {mode}" for mode in ("l2", "l3", "l3s")),
    "ipvlan mode l2 private",
    "macvtap mode bridge",
    "vlan id 7",
)
CHILDREN = [
    Cell(
        f"{kind}: {place}", also(RIP_ON_ETH0, f"link add c0 link eth0 type {kind}", ON_CHILD, more)
    )
    for kind in KINDS
    for place, more in (
        ("the holder beside it", DUMMY),
        ("the holder is the child", "address add 192.168.1.2/32 dev c0"),
    )
]
CONTAINERS = [
    Cell(
        f"{kind}: in a container",
        also(RIP_ON_ETH0, f"link add c0 link eth0 netns lvsdr-container type {kind}"),
        also(ON_CHILD, DUMMY),
    )
    for kind in KINDS
    if not kind.startswith("vlan")
]
MIXED = [
    Cell(
        "macvlan in a vrf, its parent outside",
        also(
            RIP_ON_ETH0,
            "link add c0 link eth0 type macvlan mode bridge",
            "link add blue type vrf table 10; link set blue up; link set c0 master blue",
            ON_CHILD,
            DUMMY,
        ),
    ),
    Cell(
        "macvlan, its parent in a vrf",
        also(BLUE, RIP_ON_ETH0, "link add c0 link eth0 type macvlan mode bridge", ON_CHILD, DUMMY),
    ),
    Cell(
        "a child without ARP",
        also(RIP_ON_ETH0, "link add c0 link eth0 type macvlan mode bridge")
        + "; "
        + also(ON_CHILD, "link set c0 arp off", DUMMY),
    ),
]
CELLS = [*VRFS, *CHILDREN, *CONTAINERS, *MIXED]


@contextmanager
def built(cell: Cell) -> Iterator[tuple[Host, Host, Host]]:
    """Give the host of a cell, its container, and the neighbour that asks."""
    with hosts(["host", "container", "asker"]) as made:
        host, container, asker = made["host"], made["container"], made["asker"]
        asker.ip(
            f"link add eth0 address {OWN_MAC} type veth peer name eth0"
            f" address {HOST_MAC} netns {host.namespace}",
            "link set eth0 up",
            "address add 192.168.1.250/24 dev eth0",
        )
        host.ip("link set eth0 up", *lines(cell.host))
        if cell.container:
            container.ip(*lines(cell.container))
        yield host, container, asker


def questions(link: str) -> list[Question]:
    return [
        Question(link, IPv4Address(target), None if sender is None else IPv4Address(sender))
        for target in TARGETS
        for sender in SENDERS
    ]


def predicted(host: Host) -> set[Said]:
    """Return what the model says that the links of a host answer on the segment of eth0."""

    def asked(seen: ThisHost) -> Iterator[Question]:
        for name in ("eth0", "br0", "c0"):
            # A VLAN is another segment.
            if name in seen.links and seen.links[name].link_kind != "vlan":
                yield from questions(name)

    def ways(seen: ThisHost) -> Iterator[Packet]:
        yield from (packet for question in asked(seen) for packet in packets(question, seen))

    def inspect() -> ThisHost:
        with LinuxKernel() as kernel:
            return kernel.inspect(ways, table=False)

    seen = host.inside(inspect)
    return {
        Said(str(item.target), seen.links[item.link].mac, str(item.sender or "0.0.0.0"))
        for item in asked(seen)
        if reply(item, seen).answers
    }


def heard(asker: Host) -> set[Said]:
    def ask() -> set[Said]:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as wire:
            wire.bind(("eth0", 0x0806))
            wire.settimeout(0.1)
            for question in questions("eth0"):
                wire.send(who_has(question, OWN_MAC))
            return set(replies(wire))

    return asker.inside(ask)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_links_answer_as_the_model_says(cell: Cell) -> None:
    wrong: list[tuple[int, list[str], list[str]]] = []
    answered = 0

    with built(cell) as (host, container, asker):
        for value in VALUES:
            for each in (host, container):
                settings(each, {"all/arp_ignore": value})
            seen = heard(asker)
            said = predicted(host) | predicted(container)
            answered += len(seen)
            if seen != said:
                wrong.append((value, sorted(map(str, seen - said)), sorted(map(str, said - seen))))

    assert wrong == []
    assert answered > 0


@pytest.mark.parametrize("place", ["holder inside", "on the vrf itself"])
def test_explain_says_of_a_vrf_what_arping_hears(place: str) -> None:
    with built(Cell(place, VRF_PLACES[place])) as (host, _, asker):
        document = json.loads(lvsdr(host, "explain", "arp", "eth0", "--format", "json"))
        words = lvsdr(host, "explain", "arp", "eth0")
        asked, probed = arping(asker, VIP), arping_probe(asker, VIP)

    (link,) = document["links"]
    (told,) = [each for each in link["answers"] if each["address"] == VIP]
    assert asked == probed == {HOST_MAC}
    assert (told["own"]["answers"], told["probe"]["answers"]) == (True, True)
    assert f"who-has {VIP}, a probe: ANSWERS" in words


def test_explain_says_of_a_vrf_closed_to_its_holder_what_arping_hears() -> None:
    cell = Cell("closed", also(VRF_PLACES["holder outside"], LOCAL_LAST, CLOSED))
    with built(cell) as (host, _, asker):
        document = json.loads(lvsdr(host, "explain", "arp", "eth0", "--format", "json"))
        asked, probed = arping(asker, VIP), arping_probe(asker, VIP)

    (told,) = [each for each in document["links"][0]["answers"] if each["address"] == VIP]
    assert asked == probed == set()
    assert (told["own"]["answers"], told["probe"]["answers"]) == (False, False)
