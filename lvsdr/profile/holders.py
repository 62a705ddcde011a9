"""From a kind of holder and VIPs to the objects that hold them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from ipaddress import IPv6Address

from lvsdr.model.address import IPAddress, host_interface
from lvsdr.model.holder_kinds import HolderKind
from lvsdr.model.objects import Address, Link, Object, Sysctl


def holder_objects(kind: HolderKind, link: str, vips: Collection[IPAddress]) -> Iterator[Object]:
    """Yield the link of a holder, up; what it needs to take packets; and the VIPs on it."""
    # Also lo: nothing reaches a VIP on it while it is down, and IPVS refuses destinations.
    yield Link(link, kind.link_kind, up=True, arp=kind.arp)
    # A decapsulated packet arrives on tunl0 from a client whose route is another link: strict
    # filtering (1) drops it. The larger of `all` and the link counts, so 2 (loose) is enough
    # whatever `all` says, because the link has an address. IPv6 has no such filter.
    if kind.tunnel is not None and any(vip.version == 4 for vip in vips):
        yield Sysctl(f"net/ipv4/conf/{link}/rp_filter", "2")
    # A link that we make begins with what `default` says, and IPv6 may be off there. Links of
    # others, lo and the ends of tunnels, may be without IPv6 for a reason.
    if kind.named and any(vip.version == 6 for vip in vips):
        yield Sysctl(f"net/ipv6/conf/{link}/disable_ipv6", "0")
    yield from (_held(link, vip) for vip in vips)


def _held(link: str, vip: IPAddress) -> Address:
    """Return `vip` as a host address of `link` that is never the source of anything."""
    # A host prefix: with a wider one, the real server would claim the clients' subnet as its own.
    ip = host_interface(vip)
    if isinstance(vip, IPv6Address):
        return Address(link, ip, deprecated=True)
    # Scope host: a real server whose uplink has no address would else ask ARP in the VIP's name,
    # even with arp_announce=2.
    return Address(link, ip, label=link, scope="host")
