"""The engine of the scenarios: the trouble shown without lvsdr, then gone, then all as before."""

from __future__ import annotations

import dataclasses
import json
import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lvsdr.errors import CannotRun
from lvsdr.lab.cluster import Cluster, cluster
from lvsdr.lab.counting import answering
from lvsdr.lab.host import Host
from lvsdr.lab.rehearse import Runner, compared, ran
from lvsdr.lab.scenario import ByHand, Document, Scenario
from lvsdr.lab.services import ask, serving
from lvsdr.lab.topology import topology
from lvsdr.model.address import IPAddress
from lvsdr.model.objects import Service
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.model.step import Step
from lvsdr.reader import read

REQUESTS = 10
TROUBLE, MENDED = "without lvsdr", "with lvsdr"
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Stage:
    """The hosts of a scenario, built, and the files with its profiles."""

    scenario: Scenario
    lab: Cluster
    vip: IPAddress
    service: Service
    director: Path
    realserver: Path
    run: Runner

    @property
    def hosts(self) -> dict[str, Host]:
        """The hosts that a scenario may set up, by their names."""
        managed = (self.lab.director, *self.lab.realservers, self.lab.gateway, self.lab.observer)
        return {host.name: host for host in managed}

    def name_of(self, mac: str) -> str:
        """Return whose MAC it is: a host's name, with the link where the host has several."""
        cables = self.scenario.cables
        names = {cable.mac: f"{cable.host} {cable.link}" for cable in cables}
        return names.get(mac) or self.lab.name_of(mac)


@contextmanager
def stage(scenario: Scenario, run: Runner = Host.lvsdr) -> Iterator[Stage]:
    """Build the machines of a scenario; take them down at the end, whatever happens.

    `run` is how the program is run in a host.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one = _written(folder / "director.json", scenario.director)
        other = _written(folder / "realserver.json", scenario.realserver)
        director, realserver = read(one, "director"), read(other, "realserver")
        assert isinstance(director, DirectorProfile), "read() holds it to its role"
        assert isinstance(realserver, RealServerProfile), "read() holds it to its role"
        # The cable goes to eth0; what the profile names is built on top of it.
        plugged = dataclasses.replace(realserver, interface="eth0")
        with cluster(topology(director, plugged)) as lab:
            service = director.virtual_servers[0].service
            built = Stage(scenario, lab, director.vips[0], service, one, other, run)
            _plug(built)
            for part in scenario.machine:
                _do(built, part.host, part.do)
            yield built


def play(built: Stage) -> Iterator[Step]:
    """Yield each step once it is done; the first that fails ends the story.

    A step whose title starts with TROUBLE or MENDED is yielded while what it tells is so.
    """
    managed = (built.lab.director, *built.lab.realservers)
    before = {host.name: host.state() for host in managed}
    yield Step(f"build {built.scenario.name}", True, tuple(_hosts(built)))
    for step in _story(built):
        yield step
        if not step.ok:
            return
    yield compared(managed, before)


def _plug(built: Stage) -> None:
    """Make the cables that the cluster does not have of itself."""
    for number, cable in enumerate(built.scenario.cables):
        host, port = built.hosts[cable.host], f"more{number}"
        there = f"name {cable.link} address {cable.mac} netns {host.namespace}"
        built.lab.switch.ip(
            f"link add {port} type veth peer {there}", f"link set {port} master br0 up"
        )
        host.ip(f"link set {cable.link} up")


def _written(path: Path, document: Document) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _hosts(built: Stage) -> Iterator[str]:
    for station in built.lab.topology.segment:
        addresses = " ".join(str(ip) for ip in station.addresses)
        yield f"{station.name.ljust(9)} {addresses} at {station.mac}"
    for cable in built.scenario.cables:
        yield f"{cable.host.ljust(9)} {cable.link} at {cable.mac}"
    for part in built.scenario.machine:
        yield from (f"{part.host}# {_shell(line)}" for line in part.do)


def _story(built: Stage) -> Iterator[Step]:
    scenario, lab = built.scenario, built.lab
    yield _ran(built, lab.director, "director", "apply")
    yield _by_hand(built, scenario.by_hand)
    yield _seen(built, TROUBLE, scenario.trouble)
    if scenario.refused:
        yield _refused(built, lab.realservers[0])
    yield _by_hand(built, [ByHand(part.host, part.undo) for part in scenario.by_hand], "undo ")
    for host in lab.realservers:
        yield _ran(built, host, "realserver", "apply")
    # The caches that the trouble has poisoned.
    yield _ran(built, lab.director, "director", "announce")
    yield _seen(built, MENDED, scenario.mended)
    with _all_serving(lab, built.service):
        yield _ran(built, lab.director, "director", "verify")
    yield _requests(built)
    yield _ran(built, lab.director, "director", "withdraw")
    for host in lab.realservers:
        yield _ran(built, host, "realserver", "withdraw")


def _ran(built: Stage, host: Host, role: str, verb: str, expect: int = 0) -> Step:
    path = built.director if role == "director" else built.realserver
    return ran(host, role, verb, path, expect=expect, run=built.run)


def _by_hand(built: Stage, parts: Iterable[ByHand], what: str = "") -> Step:
    parts = tuple(parts)
    for part in parts:
        _do(built, part.host, part.do)
    said = tuple(f"{part.host}# {_shell(line)}" for part in parts for line in part.do)
    return Step(f"{what}by hand", True, said)


def _shell(line: str) -> str:
    return f"sysctl -w {line}" if line.startswith("net/") else f"ip {line}"


def _do(built: Stage, host: str, lines: Iterable[str]) -> None:
    for line in lines:
        if line.startswith("net/"):
            built.hosts[host].sysctl(*line.split("=", 1))
        else:
            built.hosts[host].ip(line)


def _refused(built: Stage, host: Host) -> Step:
    state = host.state()
    tried = _ran(built, host, "realserver", "apply", CannotRun.exit_code)
    untouched = host.state() == state
    said = "the host is as it was" if untouched else "the host has changed"
    return Step(f"{tried.title}: refused", tried.ok and untouched, (*tried.seen, said))


@contextmanager
def _all_serving(lab: Cluster, service: Service) -> Iterator[None]:
    with ExitStack() as stack:
        for host in lab.realservers:
            stack.enter_context(serving(host, [service]))
        yield


# --- the witnesses -------------------------------------------------------------------------------


def _seen(built: Stage, when: str, expected: frozenset[str]) -> Step:
    title, found, lines = {
        "answering": _answering,
        "entry": _entry,
        "serving": _serving,
    }[built.scenario.witness](built)
    missed = () if found == expected else (f"expected: {', '.join(sorted(expected))}",)
    return Step(f"{when}: {title}", found == expected, (*lines, *missed))


Seen = tuple[str, frozenset[str], tuple[str, ...]]


def _answering(built: Stage) -> Seen:
    counted = answering(built.lab.observer, "eth0", built.vip)
    lines = tuple(
        f"{built.vip} is at {mac}: {built.name_of(mac)} (answers: {count})"
        for mac, count in sorted(counted.items())
    )
    names = frozenset(built.name_of(mac) for mac in counted)
    return "who answers the observer", names, lines


def _entry(built: Stage) -> Seen:
    """Let the first real server send an answer from the VIP; see whom the gateway believes."""
    lab = built.lab
    host, gateway = lab.realservers[0], lab.topology.gateway.address(built.vip.version)
    host.ip(f"neighbour flush to {gateway} dev eth0")
    host.inside(lambda: _speak(built.vip, lab.client_addresses(built.vip.version)[0]))
    shown = json.loads(lab.gateway.run("ip", "-j", "neighbour", "show", str(built.vip)).stdout)
    name = built.name_of(shown[0].get("lladdr", NOBODY)) if shown else NOBODY
    lines = (f"the gateway sends {built.vip} to {name}",)
    return "the gateway's entry, once a real server has answered a client", frozenset({name}), lines


def _speak(vip: IPAddress, client: IPAddress) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaking:
        speaking.bind((str(vip), 0))
        speaking.sendto(b"!", (str(client), 9))


def _serving(built: Stage) -> Seen:
    served = _served(built, 1)
    names = {host.name for host in built.lab.realservers}
    found = frozenset(who if who in names else NOBODY for who in served)
    lines = tuple(f"{count} of 1 request: {who}" for who, count in served.items())
    return "who serves the client", found, lines


def _served(built: Stage, times: int) -> dict[str, int]:
    lab = built.lab
    with _all_serving(lab, built.service):
        sources = lab.client_addresses(built.vip.version)
        return dict(sorted(ask(lab.client, built.service, sources, times).items()))


def _requests(built: Stage) -> Step:
    served = _served(built, REQUESTS)
    names = {host.name for host in built.lab.realservers}
    lines = tuple(f"{count} served by {who}" for who, count in served.items())
    return Step(f"client: {REQUESTS} requests to {built.service}", set(served) <= names, lines)
