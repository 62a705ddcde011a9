"""Build the stage of a scenario: its hosts, cables and guests, and the files of its profiles."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_interface
from itertools import groupby
from pathlib import Path

from lvsdr.errors import CannotRun
from lvsdr.lab.cluster import Cluster, cluster, set_up_station
from lvsdr.lab.lab_host import Host
from lvsdr.lab.rehearsal import Runner
from lvsdr.lab.scenario import ByHand, Document, Scenario
from lvsdr.lab.topology import Station, Topology, topology
from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import Service
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.profile.reader import read

# What a line of ByHand may start with; any other is for ip(8).
PROGRAMS = ("bridge", "ipvsadm", "modprobe")


@dataclass(frozen=True, slots=True)
class Stage:
    """The built hosts of a scenario; `folder` has the files of the profiles."""

    scenario: Scenario
    lab: Cluster
    profile: DirectorProfile
    folder: Path
    run: Runner

    @property
    def hosts(self) -> dict[str, Host]:
        """The hosts that a scenario may set up, by their names."""
        lab = self.lab
        segment = (lab.director, *lab.realservers, *lab.others, lab.gateway, lab.observer)
        return {host.name: host for host in (*segment, lab.client, lab.switch)}

    @property
    def servers(self) -> tuple[Host, ...]:
        """The hosts that serve: the real servers, and a director that is one of its own."""
        dips = {ip.ip for ip in self.lab.topology.director.addresses}
        itself = (self.lab.director,) if dips & set(self.profile.rips) else ()
        return (*self.lab.realservers, *itself)

    @property
    def vips(self) -> tuple[IPAddress, ...]:
        """The first VIP of each family: the witnesses ask for these."""
        first = {vip.version: vip for vip in reversed(self.profile.vips)}
        return tuple(first[version] for version in sorted(first))

    @property
    def services(self) -> tuple[Service, ...]:
        """The first service of each family: the client sends requests to these."""
        every = [server.service for server in self.profile.virtual_servers]
        first = {service.family: service for service in reversed(every)}
        return tuple(first[family] for family in sorted(first))

    def turns(self, service: Service) -> int:
        """Return the number of requests after which each real server of a service has had one."""
        every = (server for server in self.profile.real_servers if server.service == service)
        return sum(server.weight > 0 for server in every)

    @property
    def listening_services(self) -> tuple[Service, ...]:
        """The services that real servers must serve; TCP ports once, on all addresses."""
        every = [server.service for server in self.profile.virtual_servers]
        return tuple(dict.fromkeys(_listening(service) for service in every))

    def file(self, host: Host) -> Path:
        """Return the file of a host's profile; for a host without one, the director's."""
        return self.folder / f"{host.name if self.role(host) == 'realserver' else 'director'}.json"

    def role(self, host: Host) -> str | None:
        """Return the role of a host's profile, None for a host without one."""
        if host in self.lab.realservers:
            return "realserver"
        return "director" if host == self.lab.director else None

    def name_of(self, mac: str) -> str:
        """Return the name of the host of a MAC, with the link where the host has several."""
        cables = self.scenario.cables
        names = {cable.mac: f"{cable.host} {cable.link}" for cable in cables}
        return names.get(mac) or self.lab.name_of(mac)

    def do_by_hand(self, parts: Iterable[ByHand]) -> None:
        """Run the commands of `parts`."""
        for part in parts:
            for tool, lines in groupby(part.do, key=_tool):
                _typed(self.hosts[part.host], tool, tuple(lines))


@contextmanager
def build_stage(scenario: Scenario, run: Runner = Host.lvsdr) -> Iterator[Stage]:
    """Build the machines of a scenario for the block; remove them after it in any case.

    `run` runs lvsdr in a host.
    """
    _require(scenario)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        director = read(_written(folder / "director.json", scenario.director), "director")
        assert isinstance(director, DirectorProfile), "read() holds it to its role"
        planned = _topology(scenario, director, folder)
        for station in planned.realservers:
            document = scenario.profiles.get(station.name, scenario.realserver)
            read(_written(folder / f"{station.name}.json", document), "realserver")
        with cluster(planned) as lab:
            built = Stage(scenario, lab, director, folder, run)
            _add_cables(built)
            _attach_guests(built)
            built.do_by_hand(scenario.machine)
            yield built


def _require(scenario: Scenario) -> None:
    """Raise CannotRun where a program that the scenario's commands use is not installed."""
    table = () if scenario.keepalived is None else (scenario.keepalived.instead,)
    parts = (*scenario.machine, *scenario.by_hand, *scenario.mend, *scenario.accident, *table)
    for tool in sorted({_tool(line) for part in parts for line in part.do} & set(PROGRAMS)):
        if shutil.which(tool) is None:
            raise CannotRun(
                f"cannot rehearse {scenario.name}: {tool} is not installed",
                hints=["apt-get install ipvsadm iproute2 kmod"],
            )


def _listening(service: Service) -> Service:
    if service.protocol != "tcp" or service.vip is None:
        # A datagram's answer would come from whatever address the kernel chooses.
        return service
    anywhere = ip_address("::" if service.vip.version == 6 else "0.0.0.0")  # noqa: S104 - in the lab
    return dataclasses.replace(service, vip=anywhere)


def as_typed(line: str) -> str:
    """Return a line of ByHand as the command that one would type."""
    tool = _tool(line)
    return line if tool in PROGRAMS else f"{tool} {line}"


def _written(path: Path, document: Document) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _topology(scenario: Scenario, director: DirectorProfile, folder: Path) -> Topology:
    realserver = read(_written(folder / "realserver.json", scenario.realserver), "realserver")
    assert isinstance(realserver, RealServerProfile), "read() holds it to its role"
    # The cable goes to eth0; what the profile names is built on top of it.
    dip = ip_address(scenario.dip) if scenario.dip else None
    plain = topology(director, dataclasses.replace(realserver, interface="eth0"), dip)
    others = tuple(
        Station(box.name, "eth0", box.mac, (ip_interface(box.address),))
        for box in scenario.extra_hosts
    )
    return dataclasses.replace(plain, others=others)


def _add_cables(built: Stage) -> None:
    """Add the scenario's further cables to the cluster."""
    for number, cable in enumerate(built.scenario.cables):
        host, port = built.hosts[cable.host], f"more{number}"
        there = f"name {cable.link} address {cable.mac} netns {host.namespace}"
        built.lab.switch.ip(
            f"link add {port} type veth peer {there}", f"link set {port} master br0 up"
        )
        host.ip(f"link set {cable.link} up")


def _attach_guests(built: Stage) -> None:
    """Move the guests' cables from the switch to their hosts."""
    stations = {station.name: station for station in built.lab.topology.realservers}
    for guest in built.scenario.guests:
        station, inside = stations[guest.name], built.hosts[guest.name]
        there = f"name {station.link} address {station.mac} netns {inside.namespace}"
        inside.ip(f"link del {station.link}")
        built.hosts[guest.host].ip(
            f"link add {guest.port} type veth peer {there}", f"link set {guest.port} up"
        )
        set_up_station(built.lab.topology, station, inside)


def _tool(line: str) -> str:
    first = line.split(maxsplit=1)[0]
    return "sysctl -w" if line.startswith("net/") else first if first in PROGRAMS else "ip"


def _typed(host: Host, tool: str, lines: tuple[str, ...]) -> None:
    if tool == "ip":
        # One process for all of them.
        host.ip(*lines)
        return
    for line in lines:
        if tool in PROGRAMS:
            host.run(*line.split())
        else:
            host.sysctl(*line.split("=", 1))
