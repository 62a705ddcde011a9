"""Watching: who speaks in a VIP's name is told at once, and a healthy cluster is silent."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import program
import pytest
from rig import (
    RIP6,
    RIPS,
    VIP,
    VIP6,
    Document,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settings,
    settled,
    virtual_server,
)
from witnesses import arps, captured

from lvsdr.lab.host import Host
from lvsdr.wire.link import PacketSocket

LONG = 30.0


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

    def events(self) -> list[Document]:
        lines = self.running.said().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def rules(self) -> list[tuple[str, str | None]]:
        return [(event["rule"], event["mac"]) for event in self.events()]

    def wait_for(self, *wanted: tuple[str, str | None]) -> list[tuple[str, str | None]]:
        """Return the rules and MACs of all events, once those that are wanted were told."""
        return settled(self.rules, list(wanted), 10.0)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.running.process.pid is not None
        os.kill(self.running.process.pid, number)
        done = self.running.wait()
        assert done.stderr.count("\n") == 1, done.stderr
        return done.returncode


@contextmanager
def watching(made: Rig, host: Host, *options: str) -> Iterator[Watching]:
    """Give a watch that has asked, and now listens."""
    words = ("watch", str(made.director), "--format", "json", *options)
    with program.running(host, *words) as running:
        begun = settled(lambda: "watching" in running.said("stderr"), True, 20.0)
        assert begun, running.said("stderr") + running.said()
        yield Watching(running)


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
        lvsdr(lab.director, "director", "announce", made.director)
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

    (event,) = watch.events()
    assert told == [("ARP-SPEAKS", wrong)]
    assert (event["rip"], event["vip"], event["form"]) == (RIPS[0], VIP, "request")
    assert (wrong, VIP) in {(each.sender_mac, each.sender) for each in arps(frames)}
    assert (turned, healed, code) == (wrong, right, 1)


def asks_for_the_gateway(host: Host) -> None:
    """Let a host send a packet from the VIP, with a gateway whose MAC it does not know."""
    host.ip("neighbour flush dev eth0")
    host.run("ping", "-I", VIP, "-c", "1", "-W", "1", "192.168.1.1", check=False)


def test_without_the_fault_nothing_is_told_and_the_entry_stays(made: Rig) -> None:
    lab = made.lab
    with watching(made, lab.observer) as watch:
        lvsdr(lab.director, "director", "announce", made.director, "--count", "1")
        asks_for_the_gateway(lab.realservers[0])
        stays = entry(made)
        code = watch.stop()

    assert (watch.rules(), stays, code) == ([], made.mac(lab.director), 0)
