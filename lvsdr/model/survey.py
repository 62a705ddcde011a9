"""What a plan depends on though no profile names it: the host's links, addresses, ARP settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from lvsdr.model.address import IPAddress, IPInterface
from lvsdr.model.objects import ProxyNeighbour


@dataclass(frozen=True, slots=True)
class SurveyedLink:
    """A link as the kernel shows it; `master` is the name of the link that it is part of.

    `link_kind` is the kernel's word (bridge, bond, veth, dummy, …), empty for hardware;
    `master_kind` the same of its master.
    """

    name: str
    link_kind: str = ""
    mac: str = ""
    up: bool = True
    arp: bool = True
    loopback: bool = False
    master: str | None = None
    master_kind: str = ""

    @property
    def enslaved(self) -> bool:
        """Return whether ARP is spoken by the master: not so in a VRF, which is layer 3."""
        return self.master is not None and self.master_kind != "vrf"

    @property
    def speaks_arp(self) -> bool:
        """Return whether the kernel answers ARP on this link."""
        return self.up and self.arp and not self.loopback and not self.enslaved


@dataclass(frozen=True, slots=True)
class Survey:
    """The host as it is: links by name, (link, address) pairs, and sysctls by path.

    `proxies` are the addresses for which it answers in another's name.
    """

    links: Mapping[str, SurveyedLink]
    addresses: tuple[tuple[str, IPInterface], ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    proxies: tuple[ProxyNeighbour, ...] = ()

    def addresses_of(self, link: str) -> tuple[IPInterface, ...]:
        """Return the addresses of `link`, in the kernel's order."""
        return tuple(ip for name, ip in self.addresses if name == link)

    def without(self, link: str, addresses: Collection[IPAddress]) -> Survey:
        """Return the survey with `addresses` taken from `link` in thought."""
        kept = ((name, ip) for name, ip in self.addresses if name != link or ip.ip not in addresses)
        return replace(self, addresses=tuple(kept))

    def links_with(self, address: IPAddress) -> tuple[str, ...]:
        """Return the links that hold `address`, with whatever prefix length."""
        return tuple(name for name, ip in self.addresses if ip.ip == address)
