"""The vrrp part of keepalived.conf: virtual routers, and the addresses on links."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Literal

from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.includes import UNKNOWN
from lvsdr.formats.keepalived.server_words import last
from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass

VIP_LISTS = ("virtual_ipaddress", "virtual_ipaddress_excluded")


@dataclass(frozen=True, slots=True)
class Router:
    """A vrrp_instance; `number` is its virtual_router_id, and 0 where that is not known."""

    name: str
    number: int
    link: str
    family: Literal["inet", "inet6"]
    block: Block

    @property
    def where(self) -> str:
        return self.block.where

    @property
    def mac(self) -> str:
        """Return the virtual MAC address (RFC 5798, 7.3): each family has its own prefix."""
        kind = 1 if self.family == "inet" else 2
        return f"00:00:5e:00:{kind:02x}:{self.number & 0xFF:02x}"


@dataclass(frozen=True, slots=True)
class PlacedAddress:
    """An address that keepalived puts on `link`, None for a macvlan of its own.

    Without a `router` it is there whoever is master. `file` and `where` say which line has it,
    `words` are those of the line. What is `excluded` is not in the advertisements.
    """

    address: IPv4Interface | IPv6Interface
    link: str | None
    router: Router | None
    file: str
    where: str
    line: int = 0
    words: tuple[str, ...] = ()
    excluded: bool = False


def routers_in(root: Block) -> Iterator[Router]:
    """Yield the virtual routers."""
    for instance in root.all("vrrp_instance"):
        digits, link = last(instance, "virtual_router_id"), last(instance, "interface")
        yield Router(
            instance.value,
            int(digits[:9]) if digits.isascii() and digits.isdigit() else 0,
            link if UNKNOWN not in link else "",
            _family(instance),
            instance,
        )


def addresses_in(root: Block) -> Iterator[PlacedAddress]:
    """Yield the addresses that keepalived puts on links: static ones, and VIPs."""
    for each in _listed(root, "static_ipaddress"):
        address = interface_of(each.name)
        if address is not None:
            yield _placed(each, address, _link(each), None)
    for router in routers_in(root):
        vmac = router.block.first("use_vmac") is not None
        for name in VIP_LISTS:
            for each in _listed(router.block, name):
                address = interface_of(each.name)
                if address is not None:
                    link = _link(each) or (None if vmac else router.link or None)
                    yield _placed(each, address, link, router, excluded=name != VIP_LISTS[0])


def _placed(
    line: Block,
    address: IPv4Interface | IPv6Interface,
    link: str | None,
    router: Router | None,
    *,
    excluded: bool = False,
) -> PlacedAddress:
    words = tuple(line.words)
    return PlacedAddress(address, link, router, line.file, line.where, line.line, words, excluded)


@lru_cache(maxsize=65536)
def interface_of(text: str) -> IPv4Interface | IPv6Interface | None:
    """Return an address with its prefix; None for what is none."""
    try:
        return ip_interface(text)
    except ValueError:
        return None


def is_stand_in(ip: IPAddress) -> bool:
    """Return whether nobody on the segment hears of an address; each link has its own fe80::."""
    return ip.is_loopback or ip.is_link_local


def _listed(block: Block, *lists: str) -> Iterator[Block]:
    for each in block.all(*lists):
        yield from each.inner


def _family(instance: Block) -> Literal["inet", "inet6"]:
    """Return what an instance speaks over: its first address says so."""
    first = next(_listed(instance, "virtual_ipaddress"), None)
    address = interface_of(first.name) if first else None
    six = isinstance(address, IPv6Interface) or instance.first("native_ipv6") is not None
    return "inet6" if six else "inet"


def _link(address: Block) -> str | None:
    """Return the link after `dev`; None where none is given, or a macvlan on top of it."""
    words = address.words
    if "dev" not in words[:-1] or "use_vmac" in words:
        return None
    return words[words.index("dev") + 1]
