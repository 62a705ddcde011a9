"""keepalived.conf judged: what will bite beside lvsdr, and what keepalived itself says."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from ipaddress import ip_interface
from pathlib import Path

from lvsdr.keepalived.scripts import HOOKS, security, talkers
from lvsdr.keepalived.syntax import Block
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.profile import DirectorProfile

FIFOS = ("notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo")
PATIENCE = 10.0


def findings(
    files: Mapping[str, Block], director: DirectorProfile | None = None
) -> Iterator[Finding]:
    """Yield what is wrong in each file, and between the files of one cluster."""
    for name, root in files.items():
        yield from security(name, root)
        yield from _beside_lvsdr(name, root)
        for instance in root.all("vrrp_instance"):
            yield from _instance(name, root, instance)
        if director is not None:
            yield from _owners(name, root, director)
    yield from _routers(files)


def said_by_keepalived(path: Path) -> Iterator[Finding]:
    """Yield what `keepalived -t` has against a file; nothing where keepalived is not installed."""
    program = shutil.which("keepalived", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        return
    command = [program, "-t", "-l", "-f", str(path)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE, errors="replace"
        )
    except subprocess.TimeoutExpired:
        text = f"{path}: keepalived -t does not end"
        yield Finding("KEEPALIVED-SYNTAX", ERROR, str(path), text, shlex.join(command))
        return
    lines = [each for each in (done.stderr + done.stdout).splitlines() if each.strip()]
    if done.returncode and not lines:
        lines = [f"keepalived -t ends with {done.returncode}"]
    for line in dict.fromkeys(lines):
        severity = ERROR if done.returncode else WARNING
        text = f"{path}: {line.strip()}"
        yield Finding("KEEPALIVED-SYNTAX", severity, str(path), text, shlex.join(command))


def _beside_lvsdr(name: str, root: Block) -> Iterator[Finding]:
    if not _calls_lvsdr(root):
        return
    for block in root.all("virtual_server", "virtual_server_group"):
        yield Finding(
            "KEEPALIVED-VIRTUAL-SERVER",
            ERROR,
            name,
            f"{block.where}: keepalived manages {block.value}, and lvsdr has a table as well:"
            " keepalived takes its services away when it stops",
            "remove the virtual_server blocks, or the hooks of lvsdr",
        )
    defs = root.first("global_defs")
    for each in defs.all("lvs_flush", "lvs_flush_onstop", "lvs_flush_on_stop") if defs else ():
        yield Finding(
            "KEEPALIVED-LVS-FLUSH",
            ERROR,
            name,
            f"{each.where}: {each.name} empties the whole IPVS table, that of lvsdr too",
            f"remove {each.name}",
        )


def _instance(name: str, root: Block, instance: Block) -> Iterator[Finding]:
    where = f"{instance.where}: {instance.value}"
    parts = {each.name for each in instance.inner}
    speaks = parts & {"notify_master", "notify_backup"}
    if speaks and not parts & {"notify", "notify_stop"} and not _has_fifo(root):
        yield Finding(
            "KEEPALIVED-NO-STOP",
            ERROR,
            name,
            f"{where}: nobody is told when keepalived stops: VIP and table stay behind",
            "add notify_stop, or put notify in place of the others",
        )
    if "use_vmac" in parts:
        router = _number(instance, "virtual_router_id")
        yield Finding(
            "KEEPALIVED-USE-VMAC",
            WARNING,
            name,
            f"{where}: use_vmac puts the VIPs on the macvlan vrrp.{router}, which answers as"
            f" 00:00:5e:00:01:{router & 0xFF:02x}: the interface of a director's profile, and"
            " what verify calls the director, are that",
            "remove use_vmac, or give verify and watch the director's MAC",
        )
    advert = instance.first("advert_int")
    defs = root.first("global_defs")
    versions = [*(defs.all("vrrp_version") if defs else ()), *instance.all("version")]
    if advert is not None and "." in advert.value and all(v.value != "3" for v in versions):
        yield Finding(
            "KEEPALIVED-VERSION",
            ERROR,
            name,
            f"{where}: advert_int {advert.value} needs VRRP version 3: version 2 counts seconds",
            "add to global_defs: vrrp_version 3",
        )


def _owners(name: str, root: Block, director: DirectorProfile) -> Iterator[Finding]:
    listed = set(_listed(root))
    for vip in director.vips:
        if director.vips_owner == "lvsdr" and str(vip) in listed:
            yield Finding(
                "KEEPALIVED-VIP-TWICE",
                ERROR,
                name,
                f"{name}: {vip} is put on a link by keepalived, and by lvsdr",
                'write "vips_owner": "keepalived" in the profile, or remove it from'
                " virtual_ipaddress",
                vip=vip,
            )
        if director.vips_owner == "keepalived" and str(vip) not in listed:
            yield Finding(
                "KEEPALIVED-VIP-NOBODY",
                ERROR,
                name,
                f"{name}: the profile leaves {vip} to keepalived, and no virtual_ipaddress has it",
                f"add to virtual_ipaddress: {vip}/{vip.max_prefixlen} dev {director.interface}",
                vip=vip,
            )


def _routers(files: Mapping[str, Block]) -> Iterator[Finding]:
    """Yield where instances of one name have different routers, or one link has a router twice."""
    by_name: dict[str, tuple[int, str]] = {}
    for name, root in files.items():
        by_link: dict[tuple[str, int], str] = {}
        for instance in root.all("vrrp_instance"):
            router = _number(instance, "virtual_router_id")
            link = instance.first("interface")
            seen, there = by_name.setdefault(instance.value, (router, name))
            if seen != router:
                text = f"{instance.where}: {instance.value} has the virtual_router_id"
                text += f" {router}, and {seen} in {there}: both become master"
                hint = f"write virtual_router_id {seen}"
                yield Finding("KEEPALIVED-ROUTER-ID", ERROR, name, text, hint)
            place = (link.value if link else "", router)
            other = by_link.setdefault(place, instance.value)
            if other != instance.value:
                text = f"{instance.where}: {instance.value} and {other} are one router"
                text += f" ({router}) on {place[0]}"
                hint = "write another virtual_router_id, 1 to 255"
                yield Finding("KEEPALIVED-ROUTER-ID", ERROR, name, text, hint)


def _listed(root: Block) -> Iterator[str]:
    for instance in root.all("vrrp_instance"):
        for part in instance.all("virtual_ipaddress", "virtual_ipaddress_excluded"):
            for address in part.inner:
                try:
                    yield str(ip_interface(address.name).ip)
                except ValueError:
                    continue


def _calls_lvsdr(root: Block) -> bool:
    hooks = (hook.value for block in talkers(root) for hook in block.all(*HOOKS))
    return _has_fifo(root) or any("lvsdr" in each for each in hooks)


def _has_fifo(root: Block) -> bool:
    defs = root.first("global_defs")
    return defs is not None and any(True for _ in defs.all(*FIFOS))


def _number(block: Block, name: str) -> int:
    found = block.first(name)
    return int(found.value) if found and found.value.isascii() and found.value.isdigit() else 0
