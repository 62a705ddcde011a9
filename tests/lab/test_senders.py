"""Who claims a VIP for another's MAC is named by the MAC that its frames come from."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import program
import pytest
from rig import (
    RIP6,
    RIPS,
    VIP,
    VIP6,
    Document,
    Rig,
    checked,
    director,
    lvsdr,
    realserver,
    rig,
    settled,
    verified,
    virtual_server,
)
from witnesses import captured

from lvsdr.lab.lab_host import Host

WORDS = ("--seconds", "0.8", "--no-services")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    wanted = director(virtual_server(), virtual_server(VIP6, [RIP6]))
    with rig(tmp_path_factory.mktemp("senders"), wanted, realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        yield made


def raw(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def reply(source: str, inside: str, address: str) -> bytes:
    """Return a reply to all, made by hand, that `address` is at `inside`; its frame's source."""
    if ":" not in address:
        packed = ip_address(address).packed
        head = b"\xff" * 6 + raw(source) + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 2)
        return head + raw(inside) + packed + b"\xff" * 6 + packed
    target, everybody = ip_address(address).packed, ip_address("ff02::1").packed
    body = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + target + b"\x02\x01" + raw(inside)
    pseudo = target + everybody + struct.pack("!II", len(body), 58) + body
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    total = (total & 0xFFFF) + (total >> 16)
    check = 0xFFFF ^ (total & 0xFFFF) + (total >> 16)
    body = body[:2] + struct.pack("!H", check) + body[4:]
    head = (
        raw("33:33:00:00:00:01") + raw(source) + struct.pack("!HIHBB", 0x86DD, 6 << 28, 32, 58, 255)
    )
    return head + target + everybody + body


@contextmanager
def telling(host: Host, *frames: bytes) -> Iterator[None]:
    """Let a host send frames, again and again."""
    stop = threading.Event()

    def work() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("eth0", 0))
            while not stop.wait(0.02):
                for frame in frames:
                    wire.send(frame)

    done = host.start(work)
    try:
        yield
    finally:
        stop.set()
        done.result()


def entry(host: Host, address: str) -> str:
    """Return the MAC to which a host sends what is for `address`; ip(8) says so."""
    shown = json.loads(host.run("ip", "-j", "neighbour", "show", address).stdout)
    return "".join(each.get("lladdr", "") for each in shown)


@pytest.mark.parametrize(("vip", "rule"), [(VIP, "ARP-SENDER"), (VIP6, "ND-SENDER")])
def test_who_claims_a_vip_for_a_real_server_is_named_and_the_real_server_is_not(
    made: Rig, vip: str, rule: str
) -> None:
    lab = made.lab
    foe, innocent = lab.gateway, lab.realservers[0]
    lie = reply(made.mac(foe), made.mac(innocent), vip)
    with captured(lab.observer, "eth0", "arp or icmp6") as frames, telling(foe, lie):
        turned = settled(lambda: teller_entry(made, vip), made.mac(innocent))
        here = verified(lab.director, "director", "verify", made.director, *WORDS[:2], expect=1)
        there = verified(lab.observer, "verify", made.director, *WORDS, expect=1)
    lvsdr(lab.director, "director", "announce", made.director, "--count", "1")

    # The fault is real: who learns from what is inside sends to the real server now.
    assert turned == made.mac(innocent)
    assert lie in frames
    for found in (here, there):
        told = [each for each in found if each["rule"] == rule]
        assert [(each["mac"], each["rip"], each["vip"]) for each in told] == [
            (made.mac(foe), None, vip)
        ]
        assert [each for each in found if accuses(each, made, innocent)] == []


def teller_entry(made: Rig, vip: str) -> str:
    """Return what the observer has for a VIP that it has asked for."""

    def work() -> None:
        family = socket.AF_INET6 if ":" in vip else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as wire:
            wire.sendto(b"anybody there", (vip, 9))

    made.lab.observer.inside(work)
    return entry(made.lab.observer, vip)


def accuses(found: Document, made: Rig, host: Host) -> bool:
    # Nothing serves in this cluster.
    about = made.mac(host) in {found["mac"], found["on"]} or found["rip"] == RIPS[0]
    return bool(about and found["rule"] != "PATH-PORT-CLOSED")


def test_a_real_server_that_lies_about_its_neighbour_is_named(made: Rig) -> None:
    lab = made.lab
    foe, innocent = lab.realservers[1], lab.realservers[0]
    with telling(foe, reply(made.mac(foe), made.mac(innocent), VIP)):
        found = verified(lab.observer, "verify", made.director, *WORDS, expect=1)
    lvsdr(lab.director, "director", "announce", made.director, "--count", "1")

    assert [(each["rule"], each["rip"], each["mac"]) for each in found] == [
        ("ARP-SENDER", RIPS[1], made.mac(foe))
    ]


def test_a_rip_claimed_for_another_names_who_does(made: Rig) -> None:
    lab = made.lab
    foe, innocent = lab.gateway, lab.realservers[0]
    with telling(foe, reply(made.mac(foe), made.mac(innocent), RIPS[1])):
        found = verified(lab.director, "director", "verify", made.director, *WORDS[:2], expect=1)

    told = [each for each in found if each["rule"] != "PATH-PORT-CLOSED"]
    assert {each["rule"] for each in told} == {"ARP-SENDER", "PATH-DUPLICATE-RIP"}
    assert {each["mac"] for each in told} == {made.mac(foe)}


def test_who_says_where_the_director_is_does_no_harm(made: Rig) -> None:
    lab = made.lab
    right = [reply(made.mac(lab.gateway), made.mac(lab.director), vip) for vip in (VIP, VIP6)]
    with captured(lab.observer, "eth0", "arp or icmp6") as frames, telling(lab.gateway, *right):
        here = verified(lab.director, "director", "verify", made.director, *WORDS[:2], expect=1)
        there = verified(lab.observer, "verify", made.director, *WORDS, expect=0)

    assert set(right) <= set(frames)
    # Nothing serves in this cluster.
    assert {each["rule"] for each in here} == {"PATH-PORT-CLOSED"}
    assert there == []


@pytest.mark.parametrize(("vip", "rule"), [(VIP, "ARP-SENDER"), (VIP6, "ND-SENDER")])
def test_watch_names_the_sender(made: Rig, vip: str, rule: str) -> None:
    lab = made.lab
    foe, innocent = lab.gateway, lab.realservers[0]
    with telling(foe, reply(made.mac(foe), made.mac(innocent), vip)):
        words = ("watch", "--for", "2", "--director-mac", made.mac(lab.director))
        done = program.run(lab.observer, *words, "--format", "json", str(made.director))
    lvsdr(lab.director, "director", "announce", made.director, "--count", "1")

    events = [json.loads(line) for line in checked(done, 1).stdout.splitlines()]
    assert {(each["rule"], each["mac"], each["rip"]) for each in events} == {
        (rule, made.mac(foe), None)
    }


def test_a_lie_about_a_real_server_keeps_no_director_from_its_vip(
    made: Rig, tmp_path: Path
) -> None:
    lab = made.lab
    foe, innocent = lab.gateway, lab.realservers[0]
    lvsdr(lab.director, "director", "withdraw", made.director)
    try:
        with telling(foe, reply(made.mac(foe), made.mac(innocent), VIP)):
            done = program.run(lab.director, "director", "apply", str(made.director))
    finally:
        lvsdr(lab.director, "director", "apply", "--take-over", made.director)

    assert checked(done, 0)
    assert f"({made.mac(foe)}) says that {VIP} is at {made.mac(innocent)}" in done.stderr
    assert "is to be silent" not in done.stderr
