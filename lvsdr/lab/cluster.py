"""Build a cluster: a namespace for each host, and one with a bridge as the switch."""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_interface
from pathlib import Path

from lvsdr.errors import CannotRun
from lvsdr.lab.host_links import set_up
from lvsdr.lab.lab_host import Host
from lvsdr.lab.topology import CLIENTS, Station, Topology
from lvsdr.model.address import IPAddress, IPInterface, IPNetwork
from lvsdr.model.late_dataclasses import dataclass

# So that no namespace of the host's own is mistaken for one of ours.
PREFIX = "lvsdr-"
CLIENT_MAC = "02:00:00:00:10:10"
CLIENT_SIDE_MAC = "02:00:00:00:10:01"
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


@dataclass(frozen=True, slots=True)
class Cluster:
    """The running hosts of a topology."""

    topology: Topology
    switch: Host
    client: Host
    gateway: Host
    director: Host
    observer: Host
    realservers: tuple[Host, ...]
    others: tuple[Host, ...] = ()

    def client_addresses(self, version: int) -> list[IPAddress]:
        """Return the addresses from which the client can send."""
        networks = [net for net in self.topology.client_networks if net.version == version]
        return [network[number] for network in networks for number in CLIENTS]

    def port_of(self, host: Host) -> str:
        """Return the switch's end of a host's cable."""
        return f"port{[station.name for station in self.topology.segment].index(host.name)}"

    def name_of(self, mac: str) -> str:
        """Return the name of the host whose MAC it is, or the MAC."""
        names = {station.mac: station.name for station in self.topology.segment}
        return names.get(mac, mac)


@contextmanager
def cluster(topology: Topology) -> Iterator[Cluster]:
    """Build the hosts and cables of `topology` for the block; remove them after it in any case."""
    names = ("switch", "client", *(station.name for station in topology.segment))
    with hosts(names) as made:
        made["switch"].ip(*_switch(topology, made), _client_cable(made))
        for station in topology.segment:
            set_up_station(topology, station, made[station.name])
        _client_side(topology, made["client"], made["gateway"])
        yield Cluster(
            topology=topology,
            switch=made["switch"],
            client=made["client"],
            gateway=made["gateway"],
            director=made["director"],
            observer=made["observer"],
            realservers=tuple(made[station.name] for station in topology.realservers),
            others=tuple(made[station.name] for station in topology.others),
        )


@contextmanager
def hosts(names: Iterable[str]) -> Iterator[dict[str, Host]]:
    """Make hosts that have only lo, by their names; delete them after the block."""
    made = {name: Host(name, PREFIX + name) for name in names}
    for host in made.values():
        if host.path.exists():
            raise CannotRun(
                f"cannot make host {host.name}: network namespace {host.namespace} exists:"
                " another rehearsal runs, or was killed",
                hints=[f"ip netns delete {host.namespace}"],
            )
    _netns("add", made.values())
    try:
        for host in made.values():
            host.inside(_begin)
        yield made
    finally:
        _netns("delete", [host for host in made.values() if host.path.exists()])


def _begin() -> None:
    """Set up what every host has, on the host of this thread: lo, and no duplicate detection."""
    # A duplicate address would stop IPv6 for a second at each start; there is none here.
    for scope in ("all", "default"):
        Path(f"/proc/sys/net/ipv6/conf/{scope}/accept_dad").write_text("0\n", encoding="ascii")
    # Not by ip(8): a process for each host is half of what a cluster costs.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        fcntl.ioctl(asking, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))


def _netns(verb: str, which: Iterable[Host]) -> None:
    lines = "".join(f"netns {verb} {host.namespace}\n" for host in which)
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)


def _switch(topology: Topology, made: dict[str, Host]) -> Iterator[str]:
    # Snooping and spanning tree would hold back the first frames.
    yield "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
    yield "link set br0 up"
    for number, station in enumerate(topology.segment):
        there = f"name {station.link} address {station.mac} netns {made[station.name].namespace}"
        yield f"link add port{number} type veth peer {there}"
        yield f"link set port{number} master br0 up"


def set_up_station(topology: Topology, station: Station, host: Host) -> None:
    """Give a host with a cable its addresses and routes; raises KernelError."""
    gateways = topology.gateway.addresses if station != topology.gateway else ()
    ways = [ip.ip for ip in gateways if station.address(ip.version) is not None]
    neighbours = tuple(topology.on_link(station))
    host.inside(lambda: set_up(station.link, station.addresses, neighbours, ways))


def _client_cable(made: dict[str, Host]) -> str:
    there = f"name eth0 address {CLIENT_MAC} netns {made['client'].namespace}"
    here = f"eth1 address {CLIENT_SIDE_MAC} netns {made['gateway'].namespace}"
    return f"link add {here} type veth peer {there}"


def _client_side(topology: Topology, client: Host, gateway: Host) -> None:
    networks = topology.client_networks
    gateway.sysctl("net/ipv4/ip_forward", 1)
    gateway.sysctl("net/ipv6/conf/all/forwarding", 1)
    own = [_numbered(network, 1) for network in networks]
    gateway.inside(lambda: set_up("eth1", own))
    addresses = [_numbered(net, number) for net in networks for number in CLIENTS]
    client.inside(lambda: set_up("eth0", addresses, gateways=[ip.ip for ip in own]))


def _numbered(network: IPNetwork, number: int) -> IPInterface:
    return ip_interface((network[number], network.prefixlen))
