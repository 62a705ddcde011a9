"""The virtual routers of keepalived.conf judged: numbers that clash, macvlans, versions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.virtual_routers import Router
from lvsdr.model.finding import ERROR, WARNING, Finding

MAC = re.compile(r"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){4,5}")


def router_id_clashes(confs: Sequence[Configuration]) -> Iterator[Finding]:
    """Yield where instances of one name have different routers, or one link has a router twice."""
    by_name: dict[str, tuple[int, str]] = {}
    for conf in confs:
        # IPv4 and IPv6 have a number space each (RFC 5798, 5.2.3).
        by_link: dict[tuple[str, str, int], str] = {}
        for router in conf.routers():
            if not router.number:
                continue
            seen, there = by_name.setdefault(router.name, (router.number, conf.name))
            if seen != router.number:
                text = f"{router.where}: {router.name} has the virtual_router_id {router.number}"
                text += f"{conf.on_host}, and {seen} in {there}: both become master"
                yield _mistaken(conf, text, f"write virtual_router_id {seen}")
            place = router.link, router.family, router.number
            other = by_link.setdefault(place, router.name)
            if other != router.name:
                text = f"{router.where}: {router.name} and {other} are one router"
                text += f" ({router.number}) on {router.link}"
                yield _mistaken(conf, text, "write another virtual_router_id, 1 to 255")


def router_faults(conf: Configuration, router: Router) -> Iterator[Finding]:
    """Yield what a vrrp_instance by itself has wrong."""
    instance = router.block
    vmac = instance.first("use_vmac")
    if vmac is not None:
        link, mac = _macvlan(vmac, router)
        yield Finding(
            "KEEPALIVED-USE-VMAC",
            WARNING,
            conf.file,
            f"{router.where}: {router.name}: use_vmac puts the VIPs on the macvlan {link}, which"
            f" answers as {mac}: a director's profile names the link below it as its interface,"
            " and leaves the VIPs to keepalived",
            look='in the profile: "vips_owner": "keepalived"',
        )
    advert = instance.first("advert_int")
    versions = [*conf.global_defs("vrrp_version"), *instance.all("version")]
    if advert is not None and "." in advert.value and all(v.value != "3" for v in versions):
        yield Finding(
            "KEEPALIVED-VERSION",
            ERROR,
            conf.file,
            f"{router.where}: {router.name}: advert_int {advert.value} needs VRRP version 3:"
            " version 2 counts seconds",
            look="add to global_defs: vrrp_version 3",
        )


def _mistaken(conf: Configuration, text: str, look: str) -> Finding:
    return Finding("KEEPALIVED-ROUTER-ID", ERROR, conf.file, text, look=look)


def _macvlan(vmac: Block, router: Router) -> tuple[str, str]:
    """Return the name and the MAC address of the link: either may be given."""
    names = [each for each in vmac.words[1:] if not MAC.fullmatch(each)]
    macs = [each.lower() for each in vmac.words[1:] if MAC.fullmatch(each)]
    mac = macs[0] if macs else router.mac
    if mac.count(":") == 4:
        mac += f":{router.number & 0xFF:02x}"
    return names[0] if names else f"vrrp.{router.number}", mac
