"""Two directors with real keepalived, and lvsdr following what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import program
from load import ECHO, echoing
from rig import (
    Document,
    mis_set,
    realserver,
    settled,
    write,
)
from witnesses import ipvsadm

from lvsdr.formats.keepalived.conf_writer import Vrrp, conf_lines
from lvsdr.lab.cluster import Cluster, cluster
from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving
from lvsdr.lab.topology import Topology, topology
from lvsdr.model.ipvs import Service
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.profile.reader import read

BOTH = ("192.168.1.21", "192.168.1.22")
BOTH6 = ("fd00::21", "fd00::22")
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
LIMIT = 10.0


@dataclass(slots=True)
class Box:
    """A director of the cluster: keepalived, and what follows its FIFO.

    The virtual servers of `checked` are keepalived's own, which checks their real servers.
    """

    host: Host
    folder: Path
    priority: int
    wanted: DirectorProfile
    director: Path
    realserver: Path | None
    notify: str = ""
    checked: DirectorProfile | None = None
    advertise: float = 0.1
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

    def keep(self) -> None:
        """Start a keeper that reads the FIFO, and wait until it is there."""
        words = ["director", "keep", str(self.director), "--fifo", str(self.fifo)]
        words += ["--format", "json", "--every", "0.5", "--allow-insecure-profile"]
        if self.realserver is not None:
            words += ["--realserver", str(self.realserver)]
        self.follower = self.stack.enter_context(program.running(self.host, *words))
        assert settled(self.fifo.exists, True), self.follower.said("stderr")

    def unfollow(self, number: signal.Signals = signal.SIGTERM) -> subprocess.CompletedProcess[str]:
        """End lvsdr's reader; return what it printed and its exit code."""
        assert self.follower is not None and self.follower.process.pid is not None
        os.kill(self.follower.process.pid, number)
        return self.follower.wait()

    def start(self) -> None:
        """Start keepalived, with the configuration that lvsdr writes for it."""
        fifo = None if self.notify else str(self.fifo)
        vrrp = Vrrp("VI_1", 51, self.priority, self.advertise, self.notify, fifo, self.host.name)
        file = self.folder / "keepalived.conf"
        checks = self.checked is not None
        lines = conf_lines(self.checked or self.wanted, vrrp, virtual_servers=checks)
        file.write_text("\n".join([*lines, ""]))
        # That of BFD too, which is not run: two that start at once fall over each other's else.
        parts = {"": "main", "vrrp_": "vrrp", "checkers_": "checkers", "bfd_": "bfd"}
        files = [f"--{part}pid={self.folder}/{name}.pid" for part, name in parts.items()]
        files += [] if checks else ["-P"]
        log = (self.folder / "keepalived.log").open("a")
        with log:
            command = ["keepalived", "-n", "-l", "-D", "-f", str(file), *files]
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

    def reload(self) -> None:
        """Let keepalived read its configuration again, and wait until it has."""
        assert self.keepalived is not None
        before = self.logged("Reload complete")
        self.keepalived.send_signal(signal.SIGHUP)
        assert settled(lambda: self.logged("Reload complete") > before, True, LIMIT), said(self)

    def logged(self, words: str) -> int:
        """Return how often keepalived's log says so."""
        return (self.folder / "keepalived.log").read_text().count(words)

    def vips(self) -> set[str]:
        """Return the VIPs on the link that talks, as ip shows them."""
        shown = json.loads(self.host.run("ip", "-j", "address", "show", "dev", "eth0").stdout)
        held = {each.get("local", "") for each in shown[0]["addr_info"]}
        return held & {str(vip) for vip in self.wanted.vips}

    def daemons(self) -> list[str]:
        """Return the states of the sync daemons that run, as ipvsadm shows them."""
        shown = self.host.run("ipvsadm", "-L", "--daemon").stdout
        return [line.split()[0] for line in shown.splitlines() if line]

    def table(self) -> set[str]:
        """Return the table that the profile asks for, as ipvsadm shows it."""
        named = {each.service: _address(each.service) for each in self.wanted.virtual_servers}
        servers = {
            f"-A -t {named[s.service]} -s {s.scheduler}" for s in self.wanted.virtual_servers
        }
        return servers | {
            f"-a -t {named[each.service]} -r {_shown(each.rip)}:{each.port} -g -w {each.weight}"
            for each in self.wanted.real_servers
        }

    def is_active(self) -> bool:
        """Return whether it is the director: all VIPs, the whole table, the master daemon."""
        synced = self.wanted.standby == "synced"
        return (
            len(self.vips()) == len(self.wanted.vips)
            and set(ipvsadm(self.host)) == self.table()
            and (not synced or self.daemons() == ["master"])
        )

    def is_standing_by(self) -> bool:
        """Return whether it is none: no VIP, and no table or one that is passed by."""
        if self.vips():
            return False
        if self.wanted.standby == "empty":
            return ipvsadm(self.host) == []
        return set(ipvsadm(self.host)) == self.table() and self.daemons() == ["backup"]


def _address(service: Service) -> str:
    return f"{_shown(service.vip)}:{service.port}"


def _shown(address: object) -> str:
    return f"[{address}]" if ":" in str(address) else str(address)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two directors, on a segment with two real servers, a gateway and a client behind it."""

    lab: Cluster
    boxes: tuple[Box, Box]
    services: tuple[Service, ...]

    def mac(self, box: Box) -> str:
        stations = self.lab.topology.segment
        return next(each.mac for each in stations if each.name == box.host.name)

    def plug_in(self, box: Box) -> None:
        """Do what a network manager does: with the link, routes and IPv6 addresses went."""
        station = next(each for each in self.lab.topology.segment if each.name == box.host.name)
        lines = ["link set eth0 up"]
        for ip in station.addresses:
            lines += [f"address replace {ip} dev eth0" + (" nodad" if ip.version == 6 else "")]
            gateway = self.lab.topology.gateway.address(ip.version)
            lines += [f"route replace {EVERYWHERE[ip.version]} via {gateway} dev eth0"]
        box.host.ip(*lines)

    def ready(self, master: Box, seconds: float = LIMIT) -> None:
        """Wait until one box is the director, and the other stands by."""
        other = self.boxes[master is self.boxes[0]]
        for box, is_ready in ((master, master.is_active), (other, other.is_standing_by)):
            # Each look takes three programs, and from the directors what they need to get there.
            assert settled(is_ready, True, seconds, every=0.1), said(box)


def said(box: Box) -> str:
    follower = box.follower.said() + box.follower.said("stderr") if box.follower else ""
    return (box.folder / "keepalived.log").read_text()[-3000:] + follower[-6000:]


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
        lab = stack.enter_context(cluster(_both_families(topology(wanted, held))))
        for host in (lab.director, lab.observer, *lab.realservers):
            mis_set(host)
        for host in lab.realservers:
            if not both:
                assert program.run(host, "realserver", "apply", str(other)).returncode == 0
            stack.enter_context(serving(host, [each for each in services if each.port != ECHO]))
            echoed = [str(each.vip) for each in services if each.port == ECHO]
            stack.enter_context(echoing(host, echoed))
        boxes = []
        homes = lab.realservers if both else (lab.director, lab.observer)
        for host, priority in zip(homes, (100, 50), strict=True):
            home = folder / host.name
            home.mkdir()
            box = Box(host, home, priority, wanted, one, other if both else None)
            stack.callback(box.stop, signal.SIGKILL)
            stack.push(box.stack)
            boxes.append(box)
        yield Pair(lab, (boxes[0], boxes[1]), services)


def _both_families(made: Topology) -> Topology:
    """Return the topology with real servers that have an address of each family."""
    four, six = ([each for each in made.realservers if each.address(version)] for version in (4, 6))
    if not (four and six):
        return made
    merged = (
        replace(one, addresses=one.addresses + other.addresses)
        for one, other in zip(four, six, strict=True)
    )
    return replace(made, realservers=tuple(merged))
