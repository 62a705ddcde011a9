"""The virtual routers in keepalived.conf: their numbers, links and MAC addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Literal

from lvsdr.formats.keepalived.conditions import Reading
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.model.finding import ERROR, WARNING, Finding

MAC = re.compile(r"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){4,5}")


@dataclass(frozen=True, slots=True)
class Router:
    """A vrrp_instance; `number` is its virtual_router_id, 0 where it has none."""

    name: str
    number: int
    link: str
    family: Literal["inet", "inet6"]
    where: str

    @property
    def mac(self) -> str:
        """Return the virtual MAC address (RFC 5798, 7.3): each family has its own prefix."""
        kind = 1 if self.family == "inet" else 2
        return f"00:00:5e:00:{kind:02x}:{self.number & 0xFF:02x}"


def router_of(instance: Block) -> Router:
    """Return the router that a vrrp_instance is."""
    number = instance.first("virtual_router_id")
    digits = number.value if number else ""
    link = instance.first("interface")
    return Router(
        instance.value,
        int(digits[:9]) if digits.isascii() and digits.isdigit() else 0,
        link.value if link else "",
        _family(instance),
        instance.where,
    )


def interface_of(text: str) -> IPv4Interface | IPv6Interface | None:
    """Return an address with its prefix; None for what is none."""
    try:
        return ip_interface(text)
    except ValueError:
        return None


def of_routers(readings: Sequence[Reading]) -> Iterator[Finding]:
    """Yield where instances of one name have different routers, or one link has a router twice."""
    by_name: dict[str, tuple[int, str]] = {}
    for reading in readings:
        # IPv4 and IPv6 have a number space each (RFC 5798, 5.2.3).
        by_link: dict[tuple[str, str, int], str] = {}
        for instance in reading.root.all("vrrp_instance"):
            router = router_of(instance)
            seen, there = by_name.setdefault(router.name, (router.number, reading.name))
            if seen != router.number:
                text = f"{router.where}: {router.name} has the virtual_router_id {router.number}"
                text += f"{reading.on_host}, and {seen} in {there}: both become master"
                yield _mistaken(reading, text, f"write virtual_router_id {seen}")
            place = router.link, router.family, router.number
            other = by_link.setdefault(place, router.name)
            if other != router.name:
                text = f"{router.where}: {router.name} and {other} are one router"
                text += f" ({router.number}) on {router.link}"
                yield _mistaken(reading, text, "write another virtual_router_id, 1 to 255")


def of_instance(reading: Reading, instance: Block) -> Iterator[Finding]:
    """Yield what a vrrp_instance by itself has wrong."""
    router = router_of(instance)
    vmac = instance.first("use_vmac")
    if vmac is not None:
        link, mac = _macvlan(vmac, router)
        yield Finding(
            "KEEPALIVED-USE-VMAC",
            WARNING,
            reading.file,
            f"{router.where}: {router.name}: use_vmac puts the VIPs on the macvlan {link}, which"
            f" answers as {mac}: the interface of a director's profile, and what verify calls the"
            " director, are that",
            "remove use_vmac, or give verify and watch the director's MAC",
        )
    advert = instance.first("advert_int")
    versions = [*reading.root.within("global_defs", "vrrp_version"), *instance.all("version")]
    if advert is not None and "." in advert.value and all(v.value != "3" for v in versions):
        yield Finding(
            "KEEPALIVED-VERSION",
            ERROR,
            reading.file,
            f"{router.where}: {router.name}: advert_int {advert.value} needs VRRP version 3:"
            " version 2 counts seconds",
            "add to global_defs: vrrp_version 3",
        )


def _mistaken(reading: Reading, text: str, hint: str) -> Finding:
    return Finding("KEEPALIVED-ROUTER-ID", ERROR, reading.file, text, hint)


def _family(instance: Block) -> Literal["inet", "inet6"]:
    """Return what an instance speaks over: its first address says so."""
    listed = (each for part in instance.all("virtual_ipaddress") for each in part.inner)
    first = next(listed, None)
    address = interface_of(first.name) if first else None
    six = isinstance(address, IPv6Interface) or instance.first("native_ipv6") is not None
    return "inet6" if six else "inet"


def _macvlan(vmac: Block, router: Router) -> tuple[str, str]:
    """Return the name and the MAC address of the link: either may be given."""
    names = [each for each in vmac.words[1:] if not MAC.fullmatch(each)]
    macs = [each.lower() for each in vmac.words[1:] if MAC.fullmatch(each)]
    mac = macs[0] if macs else router.mac
    if mac.count(":") == 4:
        mac += f":{router.number & 0xFF:02x}"
    return names[0] if names else f"vrrp.{router.number}", mac
