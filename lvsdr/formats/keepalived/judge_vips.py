"""The VIPs of keepalived.conf judged: each one has one owner, one link and one router."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.virtual_routers import PlacedAddress, Router, is_stand_in
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.profile import DirectorProfile


def vip_faults(conf: Configuration, director: DirectorProfile) -> Iterator[Finding]:
    """Yield the VIPs of a profile that both put on a link, or neither, or another one."""
    everything = list(conf.addresses())
    for vip in director.vips:
        mine = [each for each in everything if each.address.ip == vip]
        if director.vips_owner == "lvsdr":
            yield from (_by_both(conf, each, vip) for each in mine)
            continue
        yield from (_for_ever(conf, each, vip) for each in mine if each.router is None)
        routed = [each for each in mine if each.router is not None]
        if not routed:
            yield Finding(
                "KEEPALIVED-VIP-NOBODY",
                ERROR,
                conf.file,
                f"{conf.name}: the profile leaves {vip} to keepalived, and no virtual_ipaddress"
                " has it",
                look=f"add to virtual_ipaddress: {_as_it_should_be(vip, director)}",
                vip=vip,
            )
        for each in routed:
            yield from _place(conf, each, director)


def vips_of_two_routers(confs: Sequence[Configuration]) -> Iterator[Finding]:
    """Yield the addresses that two routers have, so that two directors hold them at once."""
    seen: dict[IPAddress, tuple[PlacedAddress, Configuration]] = {}
    for conf in confs:
        names = {router.name for router in conf.routers()}
        for each in conf.addresses():
            ip = each.address.ip
            if each.router is None or is_stand_in(ip):
                continue
            other, there = seen.setdefault(ip, (each, conf))
            assert other.router is not None, "only what a router has is kept"
            again = other.router.name != each.router.name and (
                there is conf or other.router.number != each.router.number
            )
            if again:
                # The other one is here as well: both are of each host.
                yield _twice(each, other, conf, here=other.router.name in names)


def _twice(
    each: PlacedAddress, other: PlacedAddress, conf: Configuration, *, here: bool
) -> Finding:
    """Return that two routers have an address: those of one host may both be master on it."""
    assert each.router is not None and other.router is not None, "only what a router has is kept"
    ip = each.address.ip
    text = f"{each.where}: {ip} is in {_title(each.router)}, and at {other.where} in"
    text += f" {_title(other.router)}: "
    text += "once one is master elsewhere, " if here else "both become master, and "
    return Finding(
        "KEEPALIVED-VIP-TWICE",
        WARNING if here else ERROR,
        conf.file,
        f"{text}two hosts answer for it",
        look=f"remove {ip} from one of them, or give both one name and one number",
        vip=ip,
    )


def _by_both(conf: Configuration, each: PlacedAddress, vip: IPAddress) -> Finding:
    if each.router is None:
        return _for_ever(conf, each, vip)
    return Finding(
        "KEEPALIVED-VIP-TWICE",
        ERROR,
        conf.file,
        f"{each.where}: {vip} is put on a link by keepalived, and by lvsdr",
        look='write "vips_owner": "keepalived" in the profile, or remove it from virtual_ipaddress',
        vip=vip,
    )


def _for_ever(conf: Configuration, each: PlacedAddress, vip: IPAddress) -> Finding:
    return Finding(
        "KEEPALIVED-VIP-TWICE",
        ERROR,
        conf.file,
        f"{each.where}: static_ipaddress holds {vip} on every director, master or not",
        look=f"remove {vip} from static_ipaddress",
        vip=vip,
    )


def _place(
    conf: Configuration, each: PlacedAddress, director: DirectorProfile
) -> Iterator[Finding]:
    vip = each.address.ip
    look = f"write: {_as_it_should_be(vip, director)}"
    if each.link not in (None, director.interface):
        text = f"{each.where}: keepalived puts {vip} on {each.link}, and the profile's interface"
        text += f" is {director.interface}: lvsdr sets up and announces the wrong link"
        yield Finding("KEEPALIVED-VIP-LINK", ERROR, conf.file, text, look=look, vip=vip)
    prefix = each.address.network.prefixlen
    if prefix != vip.max_prefixlen:
        text = f"{each.where}: {vip} has the prefix /{prefix}: a route to that network comes and"
        text += " goes with it, and the host may speak to its neighbours as the VIP"
        yield Finding("KEEPALIVED-VIP-PREFIX", WARNING, conf.file, text, look=look, vip=vip)


def _as_it_should_be(vip: IPAddress, director: DirectorProfile) -> str:
    return f"{vip}/{vip.max_prefixlen} dev {director.interface}"


def _title(router: Router) -> str:
    return f"{router.name} (router {router.number})"
