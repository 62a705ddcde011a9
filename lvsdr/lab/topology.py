"""Which hosts two profiles need, and the addresses, MACs and names of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_interface, ip_network

from lvsdr.model.address import IPAddress, IPInterface, IPNetwork, host_interface
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.profile import DirectorProfile, RealServerProfile

# Where the clients are, behind the gateway; the second of each where the first is taken.
CLIENT_SIDES: tuple[IPNetwork, ...] = (
    ip_network("10.10.10.0/24"),
    ip_network("10.99.99.0/24"),
    ip_network("fd00:10:10:10::/64"),
    ip_network("fd00:99:99:99::/64"),
)
# Several clients, or persistence would send every request to one real server.
CLIENTS = range(10, 30)


@dataclass(frozen=True, slots=True)
class Station:
    """One host on the segment: its link, its addresses there, and its MAC."""

    name: str
    link: str
    mac: str
    addresses: tuple[IPInterface, ...]

    def address(self, version: int) -> IPAddress | None:
        """Return the station's address of one family, where it has one."""
        return next((ip.ip for ip in self.addresses if ip.version == version), None)


@dataclass(frozen=True, slots=True)
class Topology:
    """A segment behind a gateway: director, real servers, an observer; and the clients.

    `others` are hosts beside the cluster's own.
    """

    gateway: Station
    director: Station
    observer: Station
    realservers: tuple[Station, ...]
    client_networks: tuple[IPNetwork, ...]
    vips: tuple[IPAddress, ...] = field(default=())
    others: tuple[Station, ...] = ()

    @property
    def segment(self) -> tuple[Station, ...]:
        return (self.gateway, self.director, self.observer, *self.realservers, *self.others)

    def on_link(self, station: Station) -> Iterator[IPAddress]:
        """Yield the addresses on the link of `station` that its prefixes do not cover."""
        mine = [ip.network for ip in station.addresses]
        others = [ip.ip for other in self.segment for ip in other.addresses if other != station]
        # Real servers answer from the VIP; for them it is never somewhere else.
        vips = () if station in self.realservers else self.vips
        for address in dict.fromkeys((*others, *vips)):
            if not any(address in network for network in mine):
                yield address


def topology(
    director: DirectorProfile, realserver: RealServerProfile, dip: IPAddress | None = None
) -> Topology:
    """Return the cluster that the two profiles describe, with one host for each RIP.

    `dip` is the director's address, by default .10 or the next free one; if it is a RIP, the
    director itself is that real server.
    """
    networks = _networks(director)
    known = () if dip is None else (dip,)
    plan = _Numbers(networks, {*director.vips, *realserver.vips, *director.rips, *known})
    rips = (rip for rip in director.rips if rip != dip)
    # The real servers first: their MACs tell their RIPs.
    realservers = tuple(
        Station(f"rs{number}", realserver.interface, plan.mac(rip), (plan.with_prefix(rip),))
        for number, rip in enumerate(rips, start=1)
    )
    return Topology(
        gateway=plan.station("gateway", "eth0", 1),
        director=plan.station("director", director.interface, 10, dip),
        observer=plan.station("observer", "eth0", 250),
        realservers=realservers,
        client_networks=tuple(_client_networks(networks)),
        vips=director.vips,
    )


class _Numbers:
    """The addresses and MACs that are still free on the segment."""

    def __init__(self, networks: tuple[IPNetwork, ...], taken: Iterable[IPAddress]) -> None:
        self._networks = networks
        self._taken = set(taken)
        self._macs: set[str] = set()

    def station(
        self, name: str, link: str, number: int, chosen: IPAddress | None = None
    ) -> Station:
        """Return a host with the address `number` of each network, or the next free one.

        `chosen` is its address in one of the networks, instead of that.
        """
        addresses = [
            chosen if chosen is not None and chosen in network else self._free(network, number)
            for network in self._networks
        ]
        interfaces = tuple(self.with_prefix(address) for address in addresses)
        return Station(name, link, self.mac(addresses[0]), interfaces)

    def mac(self, address: IPAddress) -> str:
        """Return a free MAC that ends like `address`: 02:00:00:00:00:11 for .11."""
        if address.version == 4:
            hundreds, ones = divmod(int(address) & 0xFF, 100)
            end = f"{hundreds:02}:{ones:02}"
        else:
            end = f"{int(address) >> 8 & 0xFF:02x}:{int(address) & 0xFF:02x}"
        for series in range(256):
            mac = f"02:00:00:{series:02x}:{end}"
            if mac not in self._macs:
                self._macs.add(mac)
                return mac
        raise AssertionError("no segment has so many hosts")

    def with_prefix(self, address: IPAddress) -> IPInterface:
        """Return `address` with the prefix of its network, a host prefix where it is in none."""
        for network in self._networks:
            if address in network:
                return ip_interface((address, network.prefixlen))
        return host_interface(address)

    def _free(self, network: IPNetwork, number: int) -> IPAddress:
        address = network[number]
        while address in self._taken:
            address += 1
        self._taken.add(address)
        return address


def _networks(director: DirectorProfile) -> tuple[IPNetwork, ...]:
    """Return the segment's network of each family: of the first RIP, or else of the first VIP."""
    first = {address.version: address for address in reversed((*director.rips, *director.vips))}
    prefixes = {4: 24, 6: 64}
    return tuple(
        ip_network((address, prefixes[version]), strict=False)
        for version, address in sorted(first.items())
    )


def _client_networks(networks: tuple[IPNetwork, ...]) -> Iterator[IPNetwork]:
    for network in networks:
        sides = (side for side in CLIENT_SIDES if side.version == network.version)
        yield next(side for side in sides if not side.overlaps(network))
