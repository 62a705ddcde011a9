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
from lvsdr.lab.lab_host import Host
from lvsdr.lab.topology import CLIENTS, Station, Topology
from lvsdr.model.address import IPAddress, IPInterface, IPNetwork, host_network
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
        made["switch"].ip(*_switch(topology, made))
        for station in topology.segment:
            made[station.name].ip(*address_commands(topology, station))
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


def address_commands(topology: Topology, station: Station) -> Iterator[str]:
    """Yield the lines for ip(8) that give a host with a cable its addresses and routes."""
    yield f"link set {station.link} up"
    for ip in station.addresses:
        yield _address(ip, station.link)
    for address in topology.on_link(station):
        yield f"route add {host_network(address)} dev {station.link}"
    if station != topology.gateway:
        for ip in topology.gateway.addresses:
            if station.address(ip.version) is not None:
                yield _default(ip.ip, station.link)


def _client_side(topology: Topology, client: Host, gateway: Host) -> None:
    networks = topology.client_networks
    gateway.sysctl("net/ipv4/ip_forward", 1)
    gateway.sysctl("net/ipv6/conf/all/forwarding", 1)
    gateway.ip(
        f"link add eth1 address {CLIENT_SIDE_MAC} type veth peer name eth0"
        f" address {CLIENT_MAC} netns {client.namespace}",
        "link set eth1 up",
        *(_address(_numbered(network, 1), "eth1") for network in networks),
    )
    client.ip(
        "link set eth0 up",
        *(_address(_numbered(net, number), "eth0") for net in networks for number in CLIENTS),
        *(_default(network[1], "eth0") for network in networks),
    )


def _numbered(network: IPNetwork, number: int) -> IPInterface:
    return ip_interface((network[number], network.prefixlen))


def _address(ip: IPInterface, link: str) -> str:
    return f"address add {ip} dev {link}" + (" nodad" if ip.version == 6 else "")


def _default(gateway: IPAddress, link: str) -> str:
    network = "::/0" if gateway.version == 6 else "0.0.0.0/0"
    return f"route add {network} via {gateway} dev {link}"
