"""The VIPs in keepalived.conf: each one has one owner, one link and one router."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface

from lvsdr.formats.keepalived.conditions import Reading
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.judge_routers import Router, interface_of, router_of
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.profile import DirectorProfile

LISTS = ("virtual_ipaddress", "virtual_ipaddress_excluded")


@dataclass(frozen=True, slots=True)
class Held:
    """An address that keepalived puts on `link`, None for a macvlan of its own.

    Without a `router` it is there whoever is master.
    """

    address: IPv4Interface | IPv6Interface
    link: str | None
    router: Router | None
    where: str


def held(root: Block) -> Iterator[Held]:
    """Yield the addresses that keepalived puts on links."""
    for each in (part for block in root.all("static_ipaddress") for part in block.inner):
        address = interface_of(each.name)
        if address is not None:
            yield Held(address, _link(each), None, each.where)
    for instance in root.all("vrrp_instance"):
        router = router_of(instance)
        vmac = instance.first("use_vmac") is not None
        for each in (part for block in instance.all(*LISTS) for part in block.inner):
            address = interface_of(each.name)
            if address is not None:
                link = _link(each) or (None if vmac else router.link or None)
                yield Held(address, link, router, each.where)


def of_owners(reading: Reading, director: DirectorProfile) -> Iterator[Finding]:
    """Yield the VIPs of a profile that both put on a link, or neither, or another one."""
    everything = list(held(reading.root))
    for vip in director.vips:
        mine = [each for each in everything if each.address.ip == vip]
        if director.vips_owner == "lvsdr":
            yield from (_by_both(reading, each, vip) for each in mine)
            continue
        yield from (_for_ever(reading, each, vip) for each in mine if each.router is None)
        routed = [each for each in mine if each.router is not None]
        if not routed:
            yield Finding(
                "KEEPALIVED-VIP-NOBODY",
                ERROR,
                reading.file,
                f"{reading.name}: the profile leaves {vip} to keepalived, and no virtual_ipaddress"
                " has it",
                f"add to virtual_ipaddress: {_as_it_should_be(vip, director)}",
                vip=vip,
            )
        for each in routed:
            yield from _place(reading, each, director)


def of_masters(readings: Sequence[Reading]) -> Iterator[Finding]:
    """Yield the addresses that two routers have, so that two directors hold them at once."""
    seen: dict[IPAddress, tuple[Held, Reading]] = {}
    for reading in readings:
        for each in held(reading.root):
            ip = each.address.ip
            # Stand-ins, of which nobody on the segment hears; and each link has its own fe80::.
            if each.router is None or ip.is_loopback or ip.is_link_local:
                continue
            other, there = seen.setdefault(ip, (each, reading))
            assert other.router is not None, "only what a router has is kept"
            again = other.router.name != each.router.name and (
                there is reading or other.router.number != each.router.number
            )
            if again:
                yield Finding(
                    "KEEPALIVED-VIP-TWICE",
                    ERROR,
                    reading.file,
                    f"{each.where}: {ip} is in {_title(each.router)}, and at {other.where} in"
                    f" {_title(other.router)}: both become master, and two hosts answer for it",
                    f"remove {ip} from one of them, or give both one name and virtual_router_id",
                    vip=ip,
                )


def _by_both(reading: Reading, each: Held, vip: IPAddress) -> Finding:
    if each.router is None:
        return _for_ever(reading, each, vip)
    return Finding(
        "KEEPALIVED-VIP-TWICE",
        ERROR,
        reading.file,
        f"{each.where}: {vip} is put on a link by keepalived, and by lvsdr",
        'write "vips_owner": "keepalived" in the profile, or remove it from virtual_ipaddress',
        vip=vip,
    )


def _for_ever(reading: Reading, each: Held, vip: IPAddress) -> Finding:
    return Finding(
        "KEEPALIVED-VIP-TWICE",
        ERROR,
        reading.file,
        f"{each.where}: static_ipaddress holds {vip} on every director, master or not",
        f"remove {vip} from static_ipaddress",
        vip=vip,
    )


def _place(reading: Reading, each: Held, director: DirectorProfile) -> Iterator[Finding]:
    vip = each.address.ip
    hint = f"write: {_as_it_should_be(vip, director)}"
    if each.link not in (None, director.interface):
        text = f"{each.where}: keepalived puts {vip} on {each.link}, and the profile's interface"
        text += f" is {director.interface}: lvsdr sets up and announces the wrong link"
        yield Finding("KEEPALIVED-VIP-LINK", ERROR, reading.file, text, hint, vip=vip)
    prefix = each.address.network.prefixlen
    if prefix != vip.max_prefixlen:
        text = f"{each.where}: {vip} has the prefix /{prefix}: a route to that network comes and"
        text += " goes with it, and the host may speak to its neighbours as the VIP"
        yield Finding("KEEPALIVED-VIP-PREFIX", WARNING, reading.file, text, hint, vip=vip)


def _as_it_should_be(vip: IPAddress, director: DirectorProfile) -> str:
    return f"{vip}/{vip.max_prefixlen} dev {director.interface}"


def _title(router: Router) -> str:
    return f"{router.name} (router {router.number})"


def _link(address: Block) -> str | None:
    """Return the link after `dev`; None where none is given, or a macvlan on top of it."""
    words = address.words
    if "dev" not in words[:-1] or "use_vmac" in words:
        return None
    return words[words.index("dev") + 1]
