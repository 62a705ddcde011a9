"""Floods: the leak is named, or it is said that not all could be heard; never a wrong name.

Each flood is of a number of frames and of seconds that are bounded.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic

import program
import pytest
from faults import tell
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
from test_senders import raw, reply
from test_watch import send, watching
from witnesses import arping

from lvsdr.lab.lab_host import Host
from lvsdr.rules.segment.event_rate_limiter import MOST

FRAMES, LONGEST = 400_000, 120.0
# What the socket of who watches has room for is less: 16 MiB, doubled by the kernel.
BURST = 50_000
UNHEARD = "COULD-NOT-HEAR"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    wanted = director(virtual_server(), virtual_server(VIP6, [RIP6]))
    with rig(tmp_path_factory.mktemp("flood"), wanted, realserver(vips=[VIP, VIP6])) as made:
        made.apply()
        yield made
        lvsdr(made.lab.director, "director", "announce", made.director, "--count", "1")


@pytest.fixture
def leaking(made: Rig) -> Iterator[Host]:
    """A real server that answers for the VIP."""
    host = made.lab.realservers[0]
    settings(host, {"all/arp_ignore": 0})
    yield host
    settings(host, {"all/arp_ignore": 1})


@contextmanager
def flooding(
    host: Host, frames: list[bytes], most: int = FRAMES, *, whole: bool = False
) -> Iterator[list[float]]:
    """Let a host send frames, in turn and as fast as it can, until the block ends or it is enough.

    Gives a list of the number of frames and of the seconds, filled at the end. With `whole`, all
    `most` are sent.
    """
    count = list[float]()
    here, there = program.SERVER.Pipe()
    process = program.SERVER.Process(target=_flood, args=(host.path, frames, most, there))
    process.start()
    assert here.poll(30.0)
    here.recv()
    try:
        yield count
    finally:
        if not whole:
            here.send("enough")
        assert here.poll(2 * LONGEST), "the flood does not end"
        count += here.recv()
        process.join()


def _flood(path: Path, frames: list[bytes], most: int, connection: Connection) -> None:
    from lvsdr.kernel import namespace

    namespace.enter(str(path))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        connection.send("started")
        start, sent = monotonic(), 0
        while sent < most and monotonic() - start < LONGEST and not connection.poll():
            for frame in frames:
                wire.send(frame)
            sent += len(frames)
        connection.send((sent, monotonic() - start))


def forged(number: int) -> str:
    return f"02:66:00:00:{number >> 8:02x}:{number & 255:02x}"


def announcements(_: Rig) -> list[bytes]:
    """Return what says to all hosts that the VIP is at a MAC that nobody has."""
    return [reply(forged(number), forged(number), VIP) for number in range(200)]


def answers(made: Rig) -> list[bytes]:
    """Return answers to the observer's own questions, each from a MAC that nobody has."""
    station = next(each for each in made.lab.topology.segment if each.name == "observer")
    asker = raw(station.mac) + ip_address(str(station.address(4))).packed
    frames = []
    for number in range(200):
        mac = raw(forged(number))
        head = raw(station.mac) + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 2)
        frames.append(head + mac + ip_address(VIP).packed + asker)
    return frames


def advertisements(_: Rig) -> list[bytes]:
    return [reply(forged(number), forged(number), VIP6) for number in range(200)]


def real_servers(_: Rig) -> list[bytes]:
    """Return what says that the real servers are elsewhere."""
    return [reply(forged(n), forged(n), rip) for n in range(100) for rip in RIPS]


def queued(pid: int) -> int:
    """Return how many bytes wait in the packet sockets of a host; the kernel says so."""
    rows = Path(f"/proc/{pid}/net/packet").read_text(encoding="ascii").splitlines()[1:]
    return sum(int(row.split()[6]) for row in rows)


def resident(pid: int) -> int:
    """Return the kilobytes of memory that a process has."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def verify(made: Rig, expect: int = 1) -> list[Document]:
    words = ("verify", made.director, "--seconds", "1", "--no-services", "--format", "json")
    found: list[Document] = json.loads(lvsdr(made.lab.observer, *words, expect=expect))["findings"]
    return found


@pytest.mark.parametrize("lies", [announcements, answers, advertisements, real_servers])
def test_a_leak_is_named_in_a_flood_or_it_is_said_that_it_was_not_heard(
    made: Rig, leaking: Host, lies: object, request: pytest.FixtureRequest
) -> None:
    assert callable(lies)
    culprit = made.mac(leaking)
    before = arping(made.lab.observer, VIP)

    with flooding(made.lab.gateway, lies(made)) as count:
        found = verify(made)

    named = [each for each in found if each["mac"] == culprit]
    unheard = [each for each in found if each["rule"] == UNHEARD]
    tell(
        request,
        f"{count[0]:.0f} frames, {count[0] / count[1]:.0f}/s; named {len(named)}, "
        f"{unheard[0]['message'] if unheard else 'all was heard'}",
    )
    assert culprit in before
    assert count[0] > 1000
    assert named or unheard
    assert {(each["rule"], each["rip"]) for each in named} <= {("ARP-ANSWER", RIPS[0])}
    # Whoever else is named is one that has spoken; no real server but the one that leaks.
    assert {each["rip"] for each in found} <= {None, RIPS[0]}
    if unheard:
        assert "ARP-PROXY" not in {each["rule"] for each in found}


def test_without_a_flood_all_is_heard(made: Rig, leaking: Host) -> None:
    found = verify(made)

    assert [(each["rule"], each["mac"]) for each in found] == [("ARP-ANSWER", made.mac(leaking))]


def test_what_is_said_of_others_takes_no_room(made: Rig) -> None:
    """A flood of questions, and of claims on addresses that nobody asked for."""
    others = [reply(forged(number), forged(number), "192.168.1.99") for number in range(200)]

    with flooding(made.lab.gateway, others) as count:
        found = verify(made, expect=0)

    assert count[0] > 1000
    assert found == []


def test_watch_tells_how_much_it_could_not_hear(made: Rig, request: pytest.FixtureRequest) -> None:
    lab = made.lab
    options = ("--director-mac", made.mac(lab.director))
    with watching(made, lab.observer, *options) as watch:
        pid = watch.running.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            with flooding(lab.gateway, announcements(made), BURST, whole=True) as count:
                pass
        finally:
            os.kill(pid, signal.SIGCONT)
        read = settled(lambda: queued(pid), 0, 60.0, every=0.2)
        told = settled(lambda: UNHEARD in dict(watch.rules()), True)
        memory = resident(pid)
        code = watch.stop()

    events = watch.events()
    lost = sum(each["count"] for each in events if each["rule"] == UNHEARD)
    heard = sum(each["count"] for each in events if each["rule"] != UNHEARD)
    tell(request, f"{count[0]:.0f} frames: {heard} counted, {lost} lost; {memory} kB")
    assert (read, told, code) == (0, True, 1)
    assert lost > 0 and heard > 0
    # Not one frame is passed over in silence.
    assert lost + heard == count[0]
    assert memory < 150_000


def test_watch_names_the_real_server_that_speaks_after_all_the_forged_ones(made: Rig) -> None:
    lab, culprit = made.lab, made.mac(made.lab.realservers[0])
    options = ("--director-mac", made.mac(lab.director))
    with watching(made, lab.observer, *options) as watch:
        send(lab.gateway, *announcements(made))
        full = settled(lambda: len(watch.rules()), MOST)
        send(lab.realservers[0], reply(culprit, culprit, VIP))
        named = settled(lambda: ("ARP-SPEAKS", culprit) in watch.rules(), True)
        code = watch.stop()

    assert (full, named, code) == (MOST, True, 1)
