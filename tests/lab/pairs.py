"""Two directors with real keepalived, and lvsdr following what it says."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import program
from rig import (
    VIP,
    Document,
    mis_set,
    realserver,
    settled,
    write,
)
from witnesses import ipvsadm

from lvsdr.lab.cluster import Cluster, cluster
from lvsdr.lab.host import Host
from lvsdr.lab.services import serving
from lvsdr.lab.topology import topology
from lvsdr.model.objects import Service
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.reader import read

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
def pair(
    folder: Path, document: Document, served: Document | None = None, *, both: bool = False
) -> Iterator[Pair]:
    """Give a cluster with two directors: the observer is the second one.

    With `both`, the two real servers are the directors as well.
    """
    one, other = write(folder, document), write(folder, served or realserver())
    wanted, held = read(one, "director"), read(other, "realserver")
    assert isinstance(wanted, DirectorProfile)
    assert isinstance(held, RealServerProfile)
    services = tuple(each.service for each in wanted.virtual_servers)
    with ExitStack() as stack:
        lab = stack.enter_context(cluster(topology(wanted, held)))
        for host in (lab.director, lab.observer, *lab.realservers):
            mis_set(host)
        for host in lab.realservers:
            if not both:
                assert program.run(host, "realserver", "apply", str(other)).returncode == 0
            stack.enter_context(serving(host, services))
        boxes = []
        homes = lab.realservers if both else (lab.director, lab.observer)
        for host, priority in zip(homes, (100, 50), strict=True):
            home = folder / host.name
            home.mkdir()
            box = Box(host, home, priority, one, other if both else None)
            stack.callback(box.stop, signal.SIGKILL)
            stack.push(box.stack)
            boxes.append(box)
        yield Pair(lab, (boxes[0], boxes[1]), services)
