"""What the lab's tests share: profiles, and the cluster that they describe."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import program

from lvsdr.lab.cluster import Cluster, cluster
from lvsdr.lab.lab_host import Host, settings_in
from lvsdr.lab.services import ask, serving
from lvsdr.lab.topology import topology
from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import Service
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.profile.reader import read

T = TypeVar("T")
Document = dict[str, Any]

VIP = "192.168.1.2"
RIPS = ("192.168.1.11", "192.168.1.12")
VIP6 = "fd00::2"
RIP6 = "fd00::13"

# What ipvsadm shows of a host.
TABLE = (("-L", "--timeout"), ("-L", "--daemon"), ("-Sn",))

# Between two looks, in times of what a look has taken, and in seconds at most.
REST, LONGEST_REST = 3.0, 0.3

# What a distribution or an administrator may have left; a lab's kernel has harmless values.
WRONG = {"arp_ignore": 0, "arp_announce": 0, "rp_filter": 1}


# --- profiles ------------------------------------------------------------------------------------


def virtual_server(
    vip: str = VIP,
    rips: Sequence[str] = RIPS,
    *,
    protocol: str = "tcp",
    port: int = 80,
    method: str = "dr",
    **fields: object,
) -> Document:
    """Return a virtual server with real servers of one forwarding method."""
    real_servers = [{"rip": rip, "forwarding_method": method} for rip in rips]
    service = {"vip": vip, "protocol": protocol, "port": port}
    return {**service, "real_servers": real_servers, **fields}


def director(*servers: Document, **fields: object) -> Document:
    """Return a director's profile for `servers` and their VIPs."""
    chosen = servers or (virtual_server(),)
    vips = [
        {"address": vip}
        for vip in dict.fromkeys(server["vip"] for server in chosen if "vip" in server)
    ]
    whole = {"role": "director", "name": "web", "interface": "eth0", "vips": vips}
    return {**whole, "virtual_servers": list(chosen), **fields}


def realserver(holder: str = "dummy", **fields: object) -> Document:
    """Return a real server's profile that holds VIP."""
    whole = {"role": "realserver", "interface": "eth0", "holder": holder, "vips": [VIP]}
    return {**whole, **fields}


def write(folder: Path, document: Document, name: str | None = None) -> Path:
    """Return the file with a profile, by default named for its role."""
    path = folder / f"{name or document['role']}.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


# --- the cluster ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rig:
    """The cluster that two profiles describe, and the profiles."""

    lab: Cluster
    director: Path
    realserver: Path
    services: tuple[Service, ...]

    @property
    def managed(self) -> tuple[tuple[Host, str, Path], ...]:
        """Return each managed host, its role and its profile, real servers first."""
        real_servers = ((host, "realserver", self.realserver) for host in self.lab.realservers)
        return (*real_servers, (self.lab.director, "director", self.director))

    def mac(self, host: Host) -> str:
        """Return the MAC of a host on the segment."""
        stations = self.lab.topology.segment
        return next(station.mac for station in stations if station.name == host.name)

    def apply(self) -> None:
        """Apply the profiles on every host that they are for."""
        for host, role, path in self.managed:
            lvsdr(host, role, "apply", path)

    def withdraw(self) -> None:
        """Take everything back."""
        for host, role, path in reversed(self.managed):
            lvsdr(host, role, "withdraw", path)

    def states(self) -> dict[str, str]:
        """Return what each managed host is like."""
        return {host.name: state(host) for host, _, _ in self.managed}

    def served(self, service: Service | None = None, times: int = 8) -> Counter[str]:
        """Return who served how many requests of as many clients, or why none did."""
        asked = service or self.services[0]
        assert asked.vip is not None, "the client asks for addresses"
        sources: list[IPAddress] = self.lab.client_addresses(asked.vip.version)
        with ExitStack() as stack:
            for host in self.lab.realservers:
                stack.enter_context(serving(host, [asked]))
            return ask(self.lab.client, asked, sources, times)


@contextmanager
def rig(folder: Path, director_: Document, realserver_: Document) -> Iterator[Rig]:
    """Give the cluster of two profiles, each of its managed hosts mis-set."""
    paths = write(folder, director_), write(folder, realserver_)
    one, other = read(paths[0], "director"), read(paths[1], "realserver")
    assert isinstance(one, DirectorProfile)
    assert isinstance(other, RealServerProfile)
    with cluster(topology(one, other)) as lab:
        made = Rig(lab, *paths, tuple(server.service for server in one.virtual_servers))
        for host, _, _ in made.managed:
            mis_set(host)
        yield made


def mis_set(host: Host) -> None:
    """Give a host the settings under which its real server leaks and its tunnel drops."""
    for scope in ("all", "default"):
        settings(host, {f"{scope}/{name}": value for name, value in WRONG.items()})


def settings(host: Host, values: Mapping[str, int]) -> None:
    """Set sysctls of IPv4, named SCOPE/NAME."""
    for name, value in values.items():
        host.sysctl(f"net/ipv4/conf/{name}", value)


@contextmanager
def for_now(host: Host, *, do: str, undo: str) -> Iterator[None]:
    """Run one command of ip(8) in a host, and another at the end of the block."""
    host.ip(do)
    try:
        yield
    finally:
        host.ip(undo)


# --- the program ---------------------------------------------------------------------------------


def lvsdr(host: Host, *arguments: str | Path, expect: int = 0) -> str:
    """Run the real program in a host and return what it printed on stdout."""
    return checked(program.run(host, *map(str, arguments)), expect).stdout


def refused(host: Host, *arguments: str | Path, expect: int) -> str:
    """Run the real program in a host and return what it printed on stderr."""
    return checked(program.run(host, *map(str, arguments)), expect).stderr


def checked(
    done: subprocess.CompletedProcess[str], expect: int
) -> subprocess.CompletedProcess[str]:
    """Return `done`; raise AssertionError unless its exit code is `expect`."""
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def verified(host: Host, *arguments: str | Path, expect: int) -> list[Document]:
    """Run a verifying command in a host and return its findings."""
    said = lvsdr(host, *arguments, "--format", "json", expect=expect)
    findings: list[Document] = json.loads(said)["findings"]
    return findings


def state(host: Host) -> str:
    """Return all that makes a host what it is; the IPVS table as its own tool shows it, too."""
    shown = (host.run("ipvsadm", *words).stdout for words in TABLE)
    settings_of_ipvs = host.inside(lambda: list(settings_in("/proc/sys/net/ipv4/vs")))
    return "\n".join((host.state(), *shown, *settings_of_ipvs))


def settled(value: Callable[[], T], wanted: T, seconds: float = 20.0, every: float = 0.02) -> T:
    """Return `value()` once it is `wanted`, or as it is at the deadline.

    What takes long to look at, as a program does here, is looked at less often: it would take the
    CPU from those on whom it waits.
    """
    deadline = monotonic() + seconds
    while True:
        begun = monotonic()
        if (seen := value()) == wanted or (now := monotonic()) >= deadline:
            return seen
        sleep(max(every, min(REST * (now - begun), LONGEST_REST)))
