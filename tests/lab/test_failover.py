"""Two directors with real keepalived: who has the VIP, who speaks for it, what clients see."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep

import program
import pytest
from rig import VIP, Document, director, mis_set, realserver, settled, write
from witnesses import arps, captured, ipvsadm

from lvsdr.lab.cluster import Cluster, cluster
from lvsdr.lab.host import Host
from lvsdr.lab.services import serving
from lvsdr.lab.topology import topology
from lvsdr.model.objects import Service
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.reader import read

ROUNDS = 20 if os.environ.get("LVSDR_TORTURE") else 2
BOTH = ("192.168.1.21", "192.168.1.22")
LIMIT = 10.0

CONFIGURATION = """
global_defs {{
    router_id {name}
    vrrp_version 3
    enable_script_security
    script_user root
    {fifo}
}}
vrrp_instance VI_1 {{
    interface eth0
    state BACKUP
    virtual_router_id 51
    priority {priority}
    advert_int 0.1
    virtual_ipaddress {{
        127.255.0.51/32 dev lo scope host
    }}
    {notify}
}}
"""


@dataclass(slots=True)
class Box:
    """A director of the cluster: keepalived, and what follows its FIFO."""

    host: Host
    folder: Path
    priority: int
    director: Path
    realserver: Path | None
    notify: str = ""
    keepalived: subprocess.Popen[str] | None = None
    follower: program.Running | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def fifo(self) -> Path:
        return self.folder / "fifo"

    def profiles(self) -> tuple[str, ...]:
        both = ("--director", str(self.director))
        return both if self.realserver is None else (*both, "--realserver", str(self.realserver))

    def follow(self) -> None:
        """Start lvsdr's reader of the FIFO, and wait until it is there."""
        words = ("keepalived", "fifo", *self.profiles(), "--allow-insecure-profile")
        self.follower = self.stack.enter_context(program.running(self.host, *words, str(self.fifo)))
        assert settled(self.fifo.exists, True), self.follower.said("stderr")

    def start(self) -> None:
        """Start keepalived."""
        fifo = "" if self.notify else f"vrrp_notify_fifo {self.fifo}"
        notify = f'notify "{self.notify}"' if self.notify else ""
        text = CONFIGURATION.format(
            name=self.host.name, fifo=fifo, priority=self.priority, notify=notify
        )
        file = self.folder / "keepalived.conf"
        file.write_text(text)
        files = [f"--{what}pid={self.folder}/{what or 'main'}.pid" for what in ("", "vrrp_")]
        log = (self.folder / "keepalived.log").open("a")
        with log:
            command = ["keepalived", "-n", "-l", "-D", "-P", "-f", str(file), *files]
            self.keepalived = subprocess.Popen(
                ["nsenter", f"--net={self.host.path}", "--", *command],
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop keepalived: kindly, or with all its processes at once."""
        if self.keepalived is None:
            return
        if number == signal.SIGKILL:
            os.killpg(self.keepalived.pid, number)
        else:
            self.keepalived.send_signal(number)
        self.keepalived.wait(LIMIT)
        self.keepalived = None

    def has_vip(self) -> bool:
        """Return whether the VIP is on the link that talks."""
        return f" {VIP}/" in self.host.run("ip", "-o", "address", "show", "dev", "eth0").stdout

    def is_active(self) -> bool:
        return self.has_vip() and len(ipvsadm(self.host)) == 3

    def is_standing_by(self) -> bool:
        return not self.has_vip() and ipvsadm(self.host) == []


@dataclass(frozen=True, slots=True)
class Pair:
    """Two directors, on a segment with two real servers, a gateway and a client behind it."""

    lab: Cluster
    boxes: tuple[Box, Box]
    services: tuple[Service, ...]

    def mac(self, box: Box) -> str:
        stations = self.lab.topology.segment
        return next(each.mac for each in stations if each.name == box.host.name)

    def ready(self, master: Box, seconds: float = LIMIT) -> None:
        """Wait until one box is the director, and the other stands by."""
        other = self.boxes[master is self.boxes[0]]
        assert settled(master.is_active, True, seconds), said(master)
        assert settled(other.is_standing_by, True, seconds), said(other)


def said(box: Box) -> str:
    follower = box.follower.said() + box.follower.said("stderr") if box.follower else ""
    return (box.folder / "keepalived.log").read_text()[-3000:] + follower


@contextmanager
def pair(folder: Path, document: Document, notify: str = "") -> Iterator[Pair]:
    """Give a cluster whose observer is the second director."""
    one, other = write(folder, document), write(folder, realserver())
    wanted, served = read(one, "director"), read(other, "realserver")
    assert isinstance(wanted, DirectorProfile)
    assert isinstance(served, RealServerProfile)
    with ExitStack() as stack:
        lab = stack.enter_context(cluster(topology(wanted, served)))
        for host in (lab.director, lab.observer, *lab.realservers):
            mis_set(host)
        for host in lab.realservers:
            assert program.run(host, "realserver", "apply", str(other)).returncode == 0
            stack.enter_context(serving(host, [each.service for each in wanted.virtual_servers]))
        boxes = []
        for host, priority in ((lab.director, 100), (lab.observer, 50)):
            home = folder / host.name
            home.mkdir()
            box = Box(host, home, priority, one, None, notify)
            stack.callback(box.stop, signal.SIGKILL)
            stack.push(box.stack)
            boxes.append(box)
        yield Pair(
            lab, (boxes[0], boxes[1]), tuple(each.service for each in wanted.virtual_servers)
        )


@contextmanager
def asked(client: Host) -> Iterator[list[float]]:
    """Ask for the VIP all the time; give the times of the answers."""
    answers: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            with socket.socket() as asking:
                asking.settimeout(0.2)
                try:
                    asking.connect((VIP, 80))
                    if asking.recv(64):
                        answers.append(monotonic())
                except OSError:
                    pass
            sleep(0.01)

    done = client.start(ask)
    try:
        yield answers
    finally:
        stop.set()
        done.result(LIMIT)


def longest_gap(answers: list[float]) -> float:
    return max(after - before for before, after in pairwise(answers))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two directors that follow their FIFOs; the first one is the master."""
    with pair(tmp_path_factory.mktemp("pair"), director()) as made:
        for box in made.boxes:
            box.follow()
            box.start()
        made.ready(made.boxes[0])
        yield made


def failed_over(running: Pair, fail: Callable[[Box], None], mend: Callable[[Box], None]) -> float:
    """Let the master fail and come back; return the longest time without an answer."""
    first, second = running.boxes
    with asked(running.lab.client) as answers:
        assert settled(lambda: len(answers) > 3, True)
        with captured(running.lab.gateway, "eth0", "arp") as frames:
            fail(first)
            running.ready(second)
            since = len(answers)
            assert settled(lambda: len(answers) > since + 3, True), "nobody serves"
        after = arps(frames)
        mend(first)
        running.ready(first)
    assert {arp.sender_mac for arp in after if arp.sender == VIP} <= {
        running.mac(first),
        running.mac(second),
    }
    return longest_gap(answers)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_the_other_director_takes_over_when_keepalived_is_stopped(
    running: Pair, _round: int
) -> None:
    gap = failed_over(running, Box.stop, Box.start)

    print(f"stop: {gap:.2f} s", file=sys.stderr)
    assert gap < 3
