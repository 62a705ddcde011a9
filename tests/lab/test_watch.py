"""Watching: who speaks in a VIP's name is told at once, and a healthy cluster is silent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from pathlib import Path
from threading import Event
from time import monotonic

import program
import pytest
from faults import FULL, tell
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
    rig,
    settings,
    settled,
    verified,
    virtual_server,
)
from witnesses import REQUEST, arps, captured

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import ask, serving
from lvsdr.wire.frames import arp, neighbour_discovery
from lvsdr.wire.packet_socket import PacketSocket

ALL = 0x0003


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Two real servers on IPv4 and one on IPv6, all applied."""
    wanted = director(virtual_server(), virtual_server(VIP6, [RIP6]))
    with rig(tmp_path_factory.mktemp("watch"), wanted, realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        yield made


@dataclass(slots=True)
class Watching:
    """A watch that runs, and what it has told so far."""

    running: program.Running
    done: subprocess.CompletedProcess[str] | None = None

    def events(self) -> list[Document]:
        said = self.done.stdout if self.done else self.running.said()
        lines = said.splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def rules(self) -> list[tuple[str, str | None]]:
        return [(event["rule"], event["mac"]) for event in self.events()]

    def wait_for(self, *wanted: tuple[str, str | None]) -> list[tuple[str, str | None]]:
        """Return the rules and MACs of all events, once those that are wanted were told."""
        return settled(self.rules, list(wanted))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.running.process.pid is not None
        os.kill(self.running.process.pid, number)
        self.done = self.running.wait()
        assert self.done.stderr.count("\n") == 1, self.done.stderr
        return self.done.returncode


@contextmanager
def watching(made: Rig, host: Host, *options: str) -> Iterator[Watching]:
    """Give a watch that has asked, and now listens."""
    words = ("watch", str(made.director), "--format", "json", *options)
    with program.running(host, *words) as running:
        begun = settled(lambda: "watching" in running.said("stderr"), True, 20.0)
        assert begun, running.said("stderr") + running.said()
        watch = Watching(running)
        yield watch
        # One that ends by itself.
        watch.done = watch.done or running.wait()


@contextmanager
def asking(host: Host) -> Iterator[Callable[[], int]]:
    """Give a function that returns how many times the host has asked for VIP in the block."""
    wire = host.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    heard: list[float] = []

    def rounds() -> int:
        with suppress(BlockingIOError):
            while True:
                for each in arps([wire.recv(2048, socket.MSG_DONTWAIT)]):
                    if (each.operation, each.target) == (REQUEST, VIP):
                        heard.append(monotonic())
        # Several questions at once are one time.
        return bool(heard) + sum(later - earlier > 0.5 for earlier, later in pairwise(heard))

    with wire:
        # What a host sends itself, only a socket for all of its frames gets.
        wire.bind(("eth0", ALL))
        yield rounds


def send(host: Host, *frames: bytes) -> None:
    def work() -> None:
        with PacketSocket("eth0") as wire:
            for frame in frames:
                wire.send(frame)

    host.inside(work)


def entry(made: Rig, vip: str = VIP) -> str:
    """Return the MAC that the gateway has for a VIP; ip(8) says so."""
    said = made.lab.gateway.run("ip", "-j", "neighbour", "show", vip).stdout
    return "".join(each.get("lladdr", "") for each in json.loads(said))


# --- what a real server may say ------------------------------------------------------------------


@pytest.mark.parametrize("announce", [0, 1])
def test_a_real_server_that_asks_in_the_vips_name_is_told_and_an_announcement_heals(
    made: Rig, announce: int
) -> None:
    lab, culprit = made.lab, made.lab.realservers[0]
    right, wrong = made.mac(lab.director), made.mac(culprit)
    with watching(made, lab.observer) as watch:
        knows_the_vip(made)
        settings(culprit, {"all/arp_announce": announce})
        try:
            with captured(lab.observer, "eth0", "arp") as frames:
                asks_for_the_gateway(culprit)
                told = watch.wait_for(("ARP-SPEAKS", wrong))
            turned = settled(lambda: entry(made), wrong)
        finally:
            settings(culprit, {"all/arp_announce": 2})
        lvsdr(lab.director, "director", "announce", made.director, "--count", "1")
        healed = settled(lambda: entry(made), right)
        code = watch.stop()

    event = watch.events()[0]
    assert told == [("ARP-SPEAKS", wrong)]
    assert (event["rip"], event["vip"], event["form"]) == (RIPS[0], VIP, "request")
    assert (wrong, VIP) in {(each.sender_mac, each.sender) for each in arps(frames)}
    assert (turned, healed, code) == (wrong, right, 1)


def knows_the_vip(made: Rig) -> None:
    """Let the gateway ask for the VIP: what it does not know, no announcement teaches it."""
    talk(made.lab.gateway, "", VIP)
    right = made.mac(made.lab.director)
    assert settled(lambda: entry(made), right) == right


def asks_for_the_gateway(host: Host) -> None:
    """Let a host send a packet from the VIP, with a gateway whose MAC it does not know."""
    host.ip("neighbour flush dev eth0")
    talk(host, VIP, "192.168.1.1")


def talk(host: Host, source: str, target: str) -> None:
    """Let a host send a packet, which it has to ask for a MAC for."""

    def work() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.bind((source, 0))
            wire.sendto(b"anybody there", (target, 9))

    host.inside(work)


def test_without_the_fault_nothing_is_told_and_the_entry_stays(made: Rig) -> None:
    lab = made.lab
    with watching(made, lab.observer) as watch:
        knows_the_vip(made)
        asks_for_the_gateway(lab.realservers[0])
        stays = entry(made)
        code = watch.stop()

    assert (watch.rules(), stays, code) == ([], made.mac(lab.director), 0)


@pytest.mark.parametrize(
    ("option", "operation"),
    [pytest.param("-U", 1, id="request"), pytest.param("-A", 2, id="reply")],
)
def test_a_real_server_that_announces_a_vip_is_told(made: Rig, option: str, operation: int) -> None:
    culprit, wrong = made.lab.realservers[1], made.mac(made.lab.realservers[1])
    with (
        watching(made, made.lab.observer) as watch,
        captured(made.lab.observer, "eth0", "arp") as f,
    ):
        culprit.run(
            "arping", option, "-c", "1", "-w", "1", "-I", "eth0", "-s", VIP, VIP, check=False
        )
        told = watch.wait_for(("ARP-SPEAKS", wrong))
        code = watch.stop()
    lvsdr(made.lab.director, "director", "announce", made.director, "--count", "1")

    assert (told, code) == ([("ARP-SPEAKS", wrong)], 1)
    assert (operation, wrong) in {(each.operation, each.sender_mac) for each in arps(f)}
    assert (watch.events()[0]["form"], watch.events()[0]["rip"]) == ("announcement", RIPS[1])


# --- what nobody else may say --------------------------------------------------------------------


def announcement(made: Rig, host: Host, mac: str | None = None) -> bytes:
    return arp.broadcast(arp.gratuitous_request(mac or made.mac(host), IPv4Address(VIP)))


def test_frames_of_each_kind_are_told_with_who_sent_them(made: Rig) -> None:
    lab = made.lab
    rs3, vip6, router = made.mac(lab.realservers[2]), IPv6Address(VIP6), "00:00:5e:00:01:07"
    frames = {
        "ND-SPEAKS": neighbour_discovery.multicast(rs3, neighbour_discovery.unsolicited(rs3, vip6)),
        "ARP-TWO-DIRECTORS": announcement(made, lab.realservers[2], router),
    }
    with watching(made, lab.observer, "--director-mac", made.mac(lab.director).upper()) as watch:
        for rule, frame in frames.items():
            known = len(watch.events())
            send(lab.realservers[2], frame)
            assert settled(lambda: len(watch.events()), known + 1) == known + 1, rule
        code = watch.stop()
    lvsdr(lab.director, "director", "announce", made.director, "--count", "1")

    assert watch.rules() == [("ND-SPEAKS", rs3), ("ARP-TWO-DIRECTORS", router)]
    assert [event["host"] for event in watch.events()] == [
        f"real server {RIP6}",
        "VRRP virtual router 7",
    ]
    assert all(event["time"].endswith("Z") and event["count"] == 1 for event in watch.events())
    assert code == 1


@pytest.mark.parametrize("place", ["observer", "director"])
def test_a_second_director_is_told(made: Rig, place: str) -> None:
    lab = made.lab
    second, there = lab.gateway, f"{VIP}/32 dev eth0"
    host = lab.director if place == "director" else lab.observer
    with (
        watching(made, host) as watch,
        for_now(second, do=f"address add {there}", undo=f"address del {there}"),
    ):
        second.run("arping", "-U", "-c", "1", "-w", "1", "-I", "eth0", VIP, check=False)
        first = settled(lambda: len(watch.events()), 1)
        lvsdr(lab.director, "director", "announce", made.director, "--count", "1")
        settled(lambda: watch.rules()[-1][0], "ARP-TWO-DIRECTORS")
        code = watch.stop()

    wanted = [("ARP-TWO-DIRECTORS", made.mac(second))]
    if place == "observer":
        # The other has taken over, it seems; until the first speaks again.
        new = ("ARP-NEW-DIRECTOR", made.mac(second))
        wanted = [new, ("ARP-TWO-DIRECTORS", made.mac(lab.director))]
    assert (first, watch.rules()[: len(wanted)], code) == (1, wanted, 1)


def test_a_failover_is_no_alarm(made: Rig) -> None:
    lab = made.lab
    old, new = lab.director, lab.gateway
    gone = for_now(
        old,
        do=f"address del {VIP}/32 dev eth0",
        undo=f"address add {VIP}/32 dev eth0 label eth0:0",
    )
    come = for_now(new, do=f"address add {VIP}/32 dev eth0", undo=f"address del {VIP}/32 dev eth0")
    with watching(made, lab.observer, "--ask-every", "1") as watch, gone, come:
        new.run("arping", "-U", "-c", "3", "-w", "3", "-I", "eth0", VIP, check=False)
        told = watch.wait_for(("ARP-NEW-DIRECTOR", made.mac(new)))
        with asking(lab.observer) as rounds:
            # The answers to one are in when it asks again.
            assert settled(lambda: rounds() >= 2, True)
        code = watch.stop()

    assert (told, watch.rules(), code) == ([("ARP-NEW-DIRECTOR", made.mac(new))], told, 0)


def test_who_answers_and_is_silent_otherwise_is_heard_by_asking(made: Rig) -> None:
    lab, culprit = made.lab, made.lab.realservers[0]
    wrong = made.mac(culprit)
    with (
        watching(made, lab.observer, "--ask-every", "1") as asks,
        watching(made, lab.observer) as listens,
    ):
        settings(culprit, {"all/arp_ignore": 0})
        try:
            told = asks.wait_for(("ARP-SPEAKS", wrong))
        finally:
            settings(culprit, {"all/arp_ignore": 1})
        listens.stop()
        code = asks.stop()

    assert (told, asks.events()[0]["form"], code) == ([("ARP-SPEAKS", wrong)], "reply", 1)


# --- floods --------------------------------------------------------------------------------------


def test_a_flood_is_counted_and_hides_nobody(made: Rig, request: pytest.FixtureRequest) -> None:
    lab = made.lab
    foe, culprit = lab.gateway, made.mac(lab.realservers[1])
    stop, sent = Event(), [0]
    forged = [announcement(made, foe, f"02:66:00:00:{n >> 8:02x}:{n & 255:02x}") for n in range(20)]

    def flood() -> None:
        with PacketSocket("eth0") as wire:
            while not stop.is_set():
                for frame in forged * 5:
                    wire.send(frame)
                sent[0] += 100
                stop.wait(0.005)

    with watching(made, lab.observer, "--director-mac", made.mac(lab.director)) as watch:
        flooding, start = foe.start(flood), monotonic()
        # All of the flood is known by now, and goes on.
        assert settled(lambda: len(watch.events()) >= len(forged), True, 20.0)
        send(lab.realservers[1], announcement(made, lab.realservers[1]))
        found = settled(lambda: ("ARP-SPEAKS", culprit) in watch.rules(), True, 20.0)
        taken = monotonic() - start
        stop.set()
        flooding.result(10)
        pid = watch.running.process.pid
        memory = next(
            int(line.split()[1])
            for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
            if line.startswith("VmRSS")
        )
        code = watch.stop()
    lvsdr(lab.director, "director", "announce", made.director, "--count", "1")

    counted = sum(event["count"] for event in watch.events())
    tell(request, f"{sent[0] / taken:.0f} frames/s, {counted} counted, {memory} kB")
    assert (found, code) == (True, 1)
    # Each forged MAC once at once and once with the count, and the real server.
    assert len(watch.events()) <= 2 * len(forged) + 2
    assert memory < 150_000


# --- how it ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_the_normal_end(made: Rig, number: signal.Signals) -> None:
    with watching(made, made.lab.observer) as watch:
        code = watch.stop(number)

    assert (watch.events(), code) == ([], 0)


def test_a_cluster_that_works_is_not_told_of(made: Rig) -> None:
    with watching(made, made.lab.observer, "--for", "4", "--ask-every", "1") as watch:
        served = made.served(times=20)
        lvsdr(made.lab.director, "director", "announce", made.director, "--count", "1")
        done = watch.running.wait()

    assert sum(served.values()) == 20
    assert (done.stdout, done.returncode) == ("", 0)


def test_nobody_reads_along_any_longer_and_it_ends(made: Rig) -> None:
    command = f"{sys.executable} -m lvsdr watch {made.director} --format json | true; echo ended"

    said = made.lab.observer.run("sh", text=command, timeout=30.0)

    assert said.stdout == "ended\n"
    assert "Traceback" not in said.stderr


def test_a_link_that_goes_down_and_comes_back_is_told_and_listened_on_again(made: Rig) -> None:
    lab, wrong = made.lab, made.mac(made.lab.realservers[0])
    lab.observer.sysctl("net/ipv6/conf/all/keep_addr_on_down", 1)
    with watching(made, lab.observer) as watch:
        lab.observer.ip("link set eth0 down")
        down = watch.wait_for(("LINK-DOWN", None))
        lab.observer.ip("link set eth0 up", "route replace default via 192.168.1.1")
        up = watch.wait_for(("LINK-DOWN", None), ("LINK-UP", None))
        send(lab.realservers[0], announcement(made, lab.realservers[0]))
        told = watch.wait_for(*up, ("ARP-SPEAKS", wrong))
        code = watch.stop()
    lvsdr(lab.director, "director", "announce", made.director, "--count", "1")

    assert (down, up[1:]) == ([("LINK-DOWN", None)], [("LINK-UP", None)])
    assert (told[2:], code) == ([("ARP-SPEAKS", wrong)], 1)


def test_where_there_is_no_link_it_cannot_begin(made: Rig) -> None:
    lvsdr(made.lab.observer, "watch", made.director, "--interface", "eth9", expect=6)


# --- no false alarm ------------------------------------------------------------------------------


def test_no_verify_of_a_cluster_under_traffic_finds_anything(
    made: Rig, request: pytest.FixtureRequest
) -> None:
    lab, times = made.lab, 100 if FULL else 4
    stop, service = Event(), made.services[0]
    sources = lab.client_addresses(4)

    def knock() -> int:
        served = 0
        while not stop.is_set():
            served += sum(ask(lab.client, service, sources, 4).values())
        return served

    with ExitStack() as stack:
        for host in lab.realservers:
            stack.enter_context(serving(host, made.services))
        knocking = lab.client.start(knock)
        found = [
            verified(lab.observer, "verify", made.director, "--seconds", "1", expect=0)
            for _ in range(times)
        ]
        stop.set()
        served = knocking.result(60)

    tell(request, f"{times} verifies, {served} requests meanwhile")
    assert found == [[]] * times
    assert served > times
