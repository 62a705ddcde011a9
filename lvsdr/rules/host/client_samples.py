"""Which addresses stand for the clients of a profile, so that a routing table can be asked.

A routing table answers alike for all of a network, but for the parts of it that have routes of
their own: one address is asked for each part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from lvsdr.model.address import IPAddress, IPNetwork
from lvsdr.model.host import Host
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.profile import Profile

EVERYWHERE: dict[int, IPNetwork] = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}
# Somebody on the Internet: addresses for documentation first.
_ANYBODY: dict[int, tuple[IPAddress, ...]] = {
    4: tuple(map(ip_address, ("198.51.100.7", "203.0.113.7", "192.0.2.7", "129.0.0.7"))),
    6: tuple(map(ip_address, ("2001:db8:ffff::7", "2001:db8:eeee::7", "2600::7"))),
}
_UNUSED: dict[int, IPNetwork] = {4: ip_network("0.0.0.0/8"), 6: ip_network("::/96")}
# Of so many routes within one network of clients, the largest.
_PARTS = 64


@dataclass(frozen=True, slots=True)
class Sample:
    """One address that stands for the clients of `network`.

    `told` is whether the profile says that they are clients: where it names networks, and of
    everybody what has no route of its own.
    """

    network: IPNetwork
    address: IPAddress
    told: bool

    @property
    def clients(self) -> str:
        """Return whom it stands for, in words."""
        everybody = self.network == EVERYWHERE[self.network.version]
        return "clients" if everybody else f"clients of {self.network}"


def samples(profile: Profile, version: int, host: Host) -> tuple[Sample, ...]:
    """Return an address for each part of the clients' networks for which routes may differ."""
    networks = [each for each in profile.clients if each.version == version]
    if not profile.clients:
        networks = [EVERYWHERE[version]]
    found: dict[IPNetwork, Sample] = {}
    for network in networks:
        parts = _parts(network, host.networks)
        left = tuple(_sampled(network, parts, told=True))
        # Where the parts are all of it, as 0.0.0.0/1 and 128.0.0.0/1 are, they are what was named.
        whole = [part for part in parts if not any(_within(part, each) for each in parts)]
        told = () if left else whole
        for part in parts:
            named = bool(profile.clients) or part in told
            if named or not _is_near(part, host):
                left += tuple(_sampled(part, parts, told=named))
        for each in left:
            found.setdefault(each.network, each)
    return tuple(found.values())


def _is_near(part: IPNetwork, host: Host) -> bool:
    """Return whether it is a subnet of this host: nobody says that clients are there."""
    subnets = (each.ip.network for each in host.addresses)
    return any(part == each or _within(part, each) for each in subnets)


def _parts(network: IPNetwork, routed: Iterable[IPNetwork]) -> list[IPNetwork]:
    """Return the destinations of routes that are a part of a network, the largest first."""
    inside = (each for each in routed if _within(each, network))
    # Nobody sends answers to these.
    used = (e for e in inside if not (e.is_multicast or e.is_link_local or e.is_loopback))
    return sorted(used, key=lambda each: each.prefixlen)[:_PARTS]


def _within(part: IPNetwork, network: IPNetwork) -> bool:
    same = part.version == network.version and part.prefixlen > network.prefixlen
    return same and part.network_address in network


def _sampled(network: IPNetwork, parts: Iterable[IPNetwork], *, told: bool) -> Iterator[Sample]:
    """Yield a sample for what of a network no smaller part takes; none where nothing is left."""
    inside = [each for each in parts if _within(each, network)]
    for address in _candidates(network, inside):
        unused = address.is_multicast or address in _UNUSED[network.version]
        if not unused and not any(address in each for each in inside):
            yield Sample(network, address, told)
            return


def _candidates(network: IPNetwork, inside: Iterable[IPNetwork]) -> Iterator[IPAddress]:
    """Yield addresses of a network: one of them lies outside of all parts, where any does."""
    if network == EVERYWHERE[network.version]:
        yield from _ANYBODY[network.version]
    else:
        yield network[min(10, network.num_addresses - 1)]
    # What is left begins behind the end of a part, or ends before its start.
    for each in inside:
        for beside in (int(each.broadcast_address) + 1, int(each.network_address) - 1):
            offset = beside - int(network.network_address)
            if 0 <= offset < network.num_addresses:
                yield network[offset]
