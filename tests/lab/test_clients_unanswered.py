"""Clients beyond the gateway whom one real server does not answer, as connections tell."""

from __future__ import annotations

import json
import random
import selectors
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from time import monotonic

import pytest
from rig import (
    RIPS,
    VIP,
    Document,
    Rig,
    director,
    for_now,
    lvsdr,
    realserver,
    rig,
    settled,
    verified,
    virtual_server,
)

from lvsdr.lab import client_ports
from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving
from lvsdr.model.address import IPAddress
from lvsdr.wire.frames import ethernet, ip, tcp
from lvsdr.wire.frames.ethernet import IPV4, Frame
from lvsdr.wire.frames.ip import TCP, IPPacket

RULE = "PATH-CLIENTS-UNANSWERED"
MANY = 24
# Longer than a client waits before it asks a second time.
PATIENCE = 1.5
# What is younger is no evidence; the kernel counts in whole seconds.
OLD_ENOUGH = 56
OWN_SUBNET_ONLY = "INPUT ! -s 192.168.1.0/24 -p tcp --dport 80 -j DROP"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two real servers that serve, in turn."""
    wanted = director(virtual_server(scheduler="rr"))
    with rig(tmp_path_factory.mktemp("clients"), wanted, realserver()) as made, ExitStack() as all_:
        made.apply()
        for host in made.lab.realservers:
            all_.enter_context(serving(host, made.services))
        yield made


def requests(made: Rig, number: int = MANY) -> int:
    """Ask from beyond the gateway, all at once; return how many were answered."""
    return asked(made.lab.client, made.lab.client_addresses(4), number)


def asked(client: Host, sources: Sequence[IPAddress], number: int) -> int:
    """Connect from `sources` in turn, all at once, and wait; return how many got through."""

    def connect() -> int:
        with ExitStack() as stack, selectors.DefaultSelector() as waiting:
            for place in range(number):
                asking = stack.enter_context(socket.socket())
                client_ports.bind(asking, sources[place % len(sources)])
                asking.setblocking(False)
                asking.connect_ex((VIP, 80))
                waiting.register(asking, selectors.EVENT_READ)
            answered, deadline = 0, monotonic() + PATIENCE
            while answered < number and monotonic() < deadline:
                for key, _ in waiting.select(0.1):
                    waiting.unregister(key.fileobj)
                    assert isinstance(key.fileobj, socket.socket)
                    answered += key.fileobj.recv(64) in (b"rs1", b"rs2")
            return answered

    return client.inside(connect)


def connections(host: Host) -> list[list[str]]:
    """Return the fields of each connection, as the kernel lists them."""
    listed = host.run("cat", "/proc/net/ip_vs_conn").stdout.splitlines()[1:]
    return [line.split() for line in listed]


def unanswered(host: Host) -> set[str]:
    """Return the real servers with connections that have waited for an answer for long."""
    return {
        str(socket.inet_ntoa(bytes.fromhex(rip)))
        for _, _, _, _, _, rip, _, state, left, *_ in connections(host)
        if state == "SYN_RECV" and int(left) <= OLD_ENOUGH
    }


def findings(made: Rig, *, expect: int) -> list[Document]:
    words = ("director", "verify", made.director, "--seconds", "0.5")
    return verified(made.lab.director, *words, expect=expect)


@contextmanager
def filtered(host: Host, rule: str) -> Iterator[None]:
    host.run("iptables-legacy", "-A", *rule.split())
    try:
        yield
    finally:
        host.run("iptables-legacy", "-D", *rule.split())


def test_1_answers_that_reach_everybody_are_no_finding(made: Rig) -> None:
    answered = requests(made)
    found = findings(made, expect=0)

    assert answered == MANY
    assert found == []


def test_2_a_real_server_without_a_default_route_is_named_and_no_other(made: Rig) -> None:
    rs1, host = made.lab.realservers[0], made.lab.director
    way_back = "route {} default via 192.168.1.1"

    with for_now(rs1, do=way_back.format("del"), undo=way_back.format("add")):
        answered = requests(made)
        waiting = settled(lambda: unanswered(host), {RIPS[0]}, seconds=20, every=0.3)
        found = findings(made, expect=1)
        status = json.loads(lvsdr(host, "director", "status", made.director, "--format", "json"))
        shown = lvsdr(host, "director", "status", made.director)
    again = requests(made)
    afterwards = findings(made, expect=0)

    assert (answered, waiting) == (MANY // 2, {RIPS[0]})
    assert [(one["rule"], one["rip"], one["severity"]) for one in found] == [
        (RULE, RIPS[0], "error")
    ]
    (one,) = found
    assert "none of the last 12 connections of clients beyond the segment" in one["message"]
    assert "connections looked at" in one["message"]
    assert (one["hint"], one["on"]) == (None, RIPS[0])
    assert "ip route get 10.10.10." in one["look"]
    clients = {each["key"][-2]: each["clients"] for each in status["objects"] if each["clients"]}
    assert clients[RIPS[0]]["beyond"]["unanswered"] == MANY // 2
    assert clients[RIPS[1]]["beyond"]["unanswered"] == 0
    assert f"  {RIPS[0]}:80 of tcp {VIP}:80: 12 of " in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if "segment" in line or "of" in line)
    assert (again, afterwards) == (MANY, [])


def test_3_a_firewall_that_lets_in_the_segment_only_is_told_from_the_rest(made: Rig) -> None:
    rs1, lab = made.lab.realservers[0], made.lab
    near = [made.lab.topology.observer.addresses[0].ip]

    with filtered(rs1, OWN_SUBNET_ONLY):
        answered = requests(made)
        neighbours = asked(lab.observer, near, MANY)
        waiting = settled(lambda: unanswered(lab.director), {RIPS[0]}, seconds=20, every=0.3)
        found = findings(made, expect=1)
    requests(made)

    assert (answered, neighbours, waiting) == (MANY // 2, MANY, {RIPS[0]})
    assert [(one["rule"], one["rip"]) for one in found] == [(RULE, RIPS[0])]
    assert "beyond the gateway: default route, firewall" in found[0]["message"]


def test_4_a_flood_of_clients_that_are_none_accuses_nobody(made: Rig) -> None:
    lab = made.lab

    flood(lab.observer, made.mac(lab.director), 600)
    waiting = settled(lambda: unanswered(lab.director), set(RIPS), seconds=20, every=0.3)
    answered = requests(made)
    found = findings(made, expect=0)

    assert waiting == set(RIPS)
    assert answered == MANY
    assert found == []


def flood(host: Host, mac: str, number: int) -> None:
    """Send first packets to the VIP from addresses that nobody has."""

    def send() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("eth0", 0))
            vip, own = ip_address(VIP), ethernet.mac_text(wire.getsockname()[4])
            for _ in range(number):
                source = ip_address(f"172.16.{random.randrange(256)}.{random.randrange(1, 255)}")
                port = random.randrange(1024, 65536)
                syn = tcp.encode(tcp.Segment(port, 80, port, 0, tcp.SYN), source, vip)
                packet = ip.encode(IPPacket(source, vip, TCP, syn))
                wire.send(ethernet.encode(Frame(mac, own, IPV4, packet)))

    host.inside(send)
