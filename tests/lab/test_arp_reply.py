"""Who would answer for what: the model's word against the kernel's, for thousands of questions."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import product

import pytest
from arp_frames import replies, who_has
from faults import sample
from rig import settings
from witnesses import arping, arping_probe

from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.host import Host as ThisHost
from lvsdr.model.route_lookup import Packet
from lvsdr.rules.host.arp_reply import Question, packets, reply

HOST_MAC, OWN_MAC = "02:00:00:00:00:11", "02:00:00:00:00:fa"
RIP = "192.168.1.11"
# One address for each way in which a host may have to do with it.
PLACES = {
    "192.168.1.11": "the link's own",
    "192.168.1.20": "of lo, scope global",
    "192.168.1.21": "of lo, scope host",
    "192.168.1.22": "of lo, scope link",
    "192.168.1.23": "of a dummy",
    "192.168.1.24": "of tunl0",
    "192.168.1.25": "of the link, /32",
    "192.168.1.26": "of the link, scope host",
    "192.168.1.27": "a local route, no address",
    "172.16.0.1": "of a second link",
    "10.0.0.9": "of a subnet of lo",
    "192.168.1.30": "routed through the second link",
    "192.168.1.31": "routed through the second link, proxy neighbour",
    "192.168.1.32": "on the link, proxy neighbour",
    "192.168.1.33": "nobody's, on the link",
    "192.168.1.34": "guarded by an unreachable route",
    "192.168.1.35": "behind a blackhole",
    "172.31.0.1": "without a route",
    "172.16.0.9": "beyond the second link",
}
SENDERS = ("192.168.1.250", "172.16.0.250", "172.31.0.250", None)
SETUP = """
link add eth1 type dummy
link set eth1 up
address add 192.168.1.11/24 dev eth0
address add 192.168.1.25/32 dev eth0
address add 192.168.1.26/32 dev eth0 scope host
address add 172.16.0.1/24 dev eth1
address add 192.168.1.20/32 dev lo
address add 192.168.1.21/32 dev lo scope host
address add 192.168.1.22/32 dev lo scope link
address add 10.0.0.1/24 dev lo
link add lvsdr0 type dummy
link set lvsdr0 up
address add 192.168.1.23/32 dev lvsdr0 scope host
link set tunl0 up
address add 192.168.1.24/32 dev tunl0
route add local 192.168.1.27/32 dev lo
route add 192.168.1.30/32 dev eth1
route add 192.168.1.31/32 dev eth1
route add unreachable 192.168.1.34/32 metric 4294967294
route add blackhole 192.168.1.35/32
neighbour add proxy 192.168.1.31 dev eth0
neighbour add proxy 192.168.1.32 dev eth0
"""
ALL_AND_LINK = ("arp_ignore", "rp_filter")
SWITCHES = ("arp_filter", "proxy_arp", "proxy_arp_pvlan", "accept_local", "route_localnet")


@dataclass(frozen=True, slots=True)
class Pair:
    """The host that is asked, and the one that asks it."""

    host: Host
    asker: Host


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with hosts(["host", "asker"]) as made:
        host, asker = made["host"], made["asker"]
        asker.ip(
            f"link add eth0 address {OWN_MAC} type veth peer name eth0"
            f" address {HOST_MAC} netns {host.namespace}",
            "link set eth0 up",
            "address add 192.168.1.250/24 dev eth0",
        )
        host.ip("link set eth0 up", *SETUP.strip().splitlines())
        host.sysctl("net/ipv4/neigh/eth0/proxy_delay", 0)
        yield Pair(host, asker)


def every_arp_ignore() -> Iterator[dict[str, int]]:
    for both in product(range(9), range(9)):
        yield dict(zip(("all/arp_ignore", "eth0/arp_ignore"), both, strict=True))


def forwarding_and_proxies() -> Iterator[dict[str, int]]:
    names = ("all/proxy_arp", "eth0/proxy_arp", "all/proxy_arp_pvlan", "eth0/proxy_arp_pvlan")
    for forwarding, *values in product((0, 1), repeat=5):
        chosen = dict(zip(names, values, strict=True))
        yield {"eth0/forwarding": forwarding, "eth1/forwarding": forwarding} | chosen


def filters() -> Iterator[dict[str, int]]:
    for all_, link, own, ours in product((0, 1, 2), (0, 1, 2), (0, 1), (0, 1)):
        yield {
            "all/rp_filter": all_,
            "eth0/rp_filter": link,
            "eth0/arp_filter": own,
            "all/arp_filter": ours,
        }


def mixtures(count: int) -> Iterator[dict[str, int]]:
    """Yield settings at random, the same each time."""
    dice = random.Random(826)
    for _ in range(count):
        scopes = {
            f"{scope}/{name}": dice.choice((0, 0, 0, 1, 2, 3, 5, 8))
            for name, scope in product(("arp_ignore",), ("all", "eth0"))
        }
        scopes |= {f"{scope}/rp_filter": dice.choice((0, 0, 1, 2)) for scope in ("all", "eth0")}
        for name in SWITCHES:
            scopes |= {f"{scope}/{name}": dice.choice((0, 0, 1)) for scope in ("all", "eth0")}
        scopes["eth0/forwarding"] = dice.choice((0, 1))
        scopes["eth0/medium_id"] = dice.choice((0, 0, -1, 1))
        scopes["eth1/medium_id"] = dice.choice((0, -1, 1, 2))
        yield scopes


FAMILIES = {
    "arp_ignore": list(every_arp_ignore()),
    "proxies": list(forwarding_and_proxies()),
    "filters": list(filters()),
    "mixtures": list(mixtures(60)),
}
CLEAN = {
    f"{scope}/{name}": 0
    for scope in ("all", "eth0")
    for name in (*ALL_AND_LINK, *SWITCHES, "forwarding")
} | {"eth0/medium_id": 0, "eth1/medium_id": 0, "eth1/forwarding": 0}


def questions() -> list[Question]:
    return [
        Question("eth0", IPv4Address(target), None if sender is None else IPv4Address(sender))
        for sender in SENDERS
        for target in PLACES
    ]


def predicted(host: Host, asked: list[Question]) -> set[Question]:

    def ways(seen: ThisHost) -> Iterator[Packet]:
        yield from (packet for question in asked for packet in packets(question, seen))

    def inspect() -> ThisHost:
        with LinuxKernel() as kernel:
            return kernel.inspect(ways, table=False)

    seen = host.inside(inspect)
    return {question for question in asked if reply(question, seen).answers}


def heard(asker: Host, asked: list[Question]) -> set[Question]:
    """Return the questions that were answered on the wire; frames made here, by hand."""

    def ask() -> set[tuple[str, str]]:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as wire:
            wire.bind(("eth0", 0x0806))
            wire.settimeout(0.03)
            for question in asked:
                wire.send(who_has(question, OWN_MAC))
            return {(each.address, each.asker) for each in replies(wire) if each.mac == HOST_MAC}

    answered = asker.inside(ask)
    return {item for item in asked if (str(item.target), str(item.sender or "0.0.0.0")) in answered}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_model_answers_as_the_kernel_does(pair: Pair, family: str) -> None:
    asked = questions()
    wrong: list[tuple[Mapping[str, int], str]] = []
    answered = 0

    places = sample(len(FAMILIES[family]), 9, offset=4)
    for chosen in (FAMILIES[family][place] for place in places):
        settings(pair.host, CLEAN | chosen)
        seen, said = heard(pair.asker, asked), predicted(pair.host, asked)
        answered += len(seen)
        wrong += [
            (chosen, f"{PLACES[str(item.target)]} to {item.sender}: heard {item in seen}")
            for item in asked
            if (item in seen) != (item in said)
        ]

    assert wrong == []
    assert 0 < answered < len(asked) * len(places)


def test_arping_hears_what_our_frames_hear(pair: Pair) -> None:
    settings(pair.host, CLEAN | {"all/arp_ignore": 3, "eth0/proxy_arp": 1, "eth0/forwarding": 1})
    asked = [question for question in questions() if str(question.sender) in (SENDERS[0], "None")]

    said = heard(pair.asker, asked)

    for target in ("192.168.1.21", "192.168.1.30"):
        own, probe = (
            Question("eth0", IPv4Address(target), sender)
            for sender in (IPv4Address(SENDERS[0] or ""), None)
        )
        assert (own in said) == (arping(pair.asker, target) == {HOST_MAC})
        assert (probe in said) == (arping_probe(pair.asker, target) == {HOST_MAC})
