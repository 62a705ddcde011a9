"""The virtual routers of keepalived.conf judged: numbers that clash, macvlans, versions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lvsdr.formats.keepalived.advertised import effective_version, last_value
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.virtual_routers import Router
from lvsdr.model.finding import ERROR, INFO, WARNING, Finding

MAC = re.compile(r"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){4,5}")


def router_id_clashes(confs: Sequence[Configuration]) -> Iterator[Finding]:
    """Yield where instances of one name have different routers, or one link has a router twice."""
    by_name: dict[str, tuple[int, str]] = {}
    for conf in confs:
        # IPv4 and IPv6 have a number space each (RFC 5798, 5.2.3).
        by_link: dict[tuple[object, ...], str] = {}
        for router in conf.routers():
            if not router.number:
                continue
            seen, there = by_name.setdefault(router.name, (router.number, conf.name))
            # A second one of one name in a file is left out.
            if seen != router.number and there != conf.name:
                text = f"{router.where}: {router.name} has the virtual_router_id {router.number}"
                text += f"{conf.on_host}, and {seen} in {there}: both become master"
                yield _mistaken(conf, text, f"write virtual_router_id {seen}")
            # Those of unicast are told apart by whom they speak to.
            peers = frozenset(
                each.name for part in router.block.all("unicast_peer") for each in part.inner
            )
            source = last_value(router.block, "unicast_src_ip") if peers else ""
            place = router.link, router.family, router.number, peers, source
            other = by_link.setdefault(place, router.name)
            if other != router.name and router.link:
                text = f"{router.where}: {router.name} and {other} are one router"
                text += f" ({router.number}) on {router.link}"
                yield _mistaken(conf, text, "write another virtual_router_id, 1 to 255")


def router_faults(conf: Configuration, router: Router, *, ours: bool) -> Iterator[Finding]:
    """Yield what a vrrp_instance by itself has wrong, or beside lvsdr where it is `ours`."""
    instance = router.block
    vmac = instance.first("use_vmac")
    if vmac is not None:
        link, mac = _macvlan(vmac, router)
        yield Finding(
            "KEEPALIVED-USE-VMAC",
            WARNING if ours else INFO,
            conf.file,
            f"{router.where}: {router.name}: use_vmac puts the VIPs on the macvlan {link}, which"
            f" answers as {mac}: a director's profile names the link below it as its interface,"
            " and leaves the VIPs to keepalived",
            look='in the profile: "vips_owner": "keepalived"',
        )
    advert = last_value(instance, "advert_int")
    if "." in advert and effective_version(conf, router) == 2 and not _is_whole(advert):
        yield Finding(
            "KEEPALIVED-VERSION",
            WARNING,
            conf.file,
            f"{router.where}: {router.name}: advert_int {advert} is rounded: VRRP version 2 counts"
            " whole seconds",
            look="add to global_defs: vrrp_version 3, on each director at once",
        )


def _is_whole(text: str) -> bool:
    try:
        return float(text).is_integer()
    except ValueError:
        return True


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
