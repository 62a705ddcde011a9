"""What global_defs says of IPVS: timeouts and sync daemons."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from lvsdr.formats.keepalived.conf_losses import Losses, shown
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.imported_vips import is_link
from lvsdr.formats.keepalived.server_words import number
from lvsdr.formats.keepalived.virtual_routers import routers_in
from lvsdr.model.imported import Document

MOST_SECONDS = 2147483
TIMEOUTS = {"tcp": "tcp", "tcpfin": "tcp_fin", "udp": "udp"}
# Of a sync daemon: the name in a profile, and the range.
NUMBERS: Mapping[str, tuple[str, int, int]] = {
    "id": ("syncid", 0, 255),
    "maxlen": ("sync_maxlen", 1024, 65507),
    "port": ("port", 1, 65535),
    "ttl": ("ttl", 1, 255),
}
DEFAULTS = {"syncid": 0, "group": "224.0.0.81", "port": 8848, "ttl": 1}
KNOWN = frozenset({"lvs_timeouts", "lvs_sync_daemon"})
# Who keepalived is to its log, and who runs its scripts.
OWN = frozenset({"router_id", "enable_script_security", "script_user", "notification_email"})
ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "vrrp_sync_group": ("instances change their state together", "lvsdr keepalived config"),
    "vrrp_script": ("nothing depends on a script", "it stays in keepalived.conf"),
    "vrrp_track_process": ("nothing depends on a process", "it stays in keepalived.conf"),
    "track_file": ("nothing depends on a file", "it stays in keepalived.conf"),
    "vrrp_track_file": ("nothing depends on a file", "it stays in keepalived.conf"),
    "bfd_instance": ("there is no BFD", "it stays in keepalived.conf"),
    "static_routes": ("no profile has routes", "the network's own configuration"),
    "static_rules": ("no profile has rules", "the network's own configuration"),
    "SSL": ("no check asks by TLS", 'a program: "check": {"command": [...]}'),
    "net_namespace": ("keepalived runs in another namespace", "call lvsdr with --netns"),
    "net_namespace_ipvs": ("IPVS is in another namespace", "call lvsdr with --netns"),
}


def timeouts(root: Block, losses: Losses) -> Document:
    """Return the timeouts of the table, in seconds; the last of each counts."""
    found: Document = {}
    for line in root.within("global_defs", "lvs_timeouts"):
        for name, text in zip(line.words[1::2], line.words[2::2], strict=False):
            seconds = number(text, 1, MOST_SECONDS)
            if name in TIMEOUTS and seconds is not None:
                found[TIMEOUTS[name]] = seconds
            else:
                losses.warning(line, f"lvs_timeouts {shown(name)} {shown(text)}", "see the range")
    return {name: found[name] for name in TIMEOUTS.values() if name in found}


def sync_daemons(root: Block, interface: str, losses: Losses) -> tuple[list[Document], bool]:
    """Return both daemons, and whether they follow an instance: the master's, and a standby's."""
    line = next((each for each in reversed([*root.within("global_defs", "lvs_sync_daemon")])), None)
    if line is None or len(line.words) < 2:
        return [], False
    link, rest = line.words[1], list(line.words[2:])
    if not is_link(link):
        losses.error(line, f"lvs_sync_daemon: {shown(link)} is no link of it", "write sync_daemons")
        return [], False
    instance = ""
    if rest and rest[0] == "inst":
        del rest[0]
    if rest and rest[0] not in (*NUMBERS, "group"):
        instance = rest.pop(0)
    routers = [each for each in routers_in(root) if each.name == instance]
    said: Document = {"syncid": routers[0].number if routers and routers[0].number < 256 else 0}
    for name, text in zip(rest[::2], rest[1::2], strict=False):
        said |= _said(line, name, text, losses)
    fields = {name: value for name, value in said.items() if DEFAULTS.get(name) != value}
    on = {} if link == interface else {"interface": link}
    daemons = [{"state": state, **on, **_in_order(fields)} for state in ("master", "backup")]
    return daemons, bool(instance)


def others_told(root: Block, losses: Losses) -> None:
    """Tell of what else stands at the top, and in global_defs."""
    for block in root.all("global_defs"):
        names = dict.fromkeys(each.name for each in block.inner if each.name not in KNOWN | OWN)
        if names:
            losses.warning(
                block,
                f"global_defs: {shown(', '.join(names))}: settings of keepalived itself",
                "they stay in keepalived.conf, where it goes on with VRRP",
            )
    for name, (meant, instead) in ELSEWHERE.items():
        for block in root.all(name):
            losses.warning(block, f"{name}: {meant}", instead)


def _said(line: Block, name: str, text: str, losses: Losses) -> Document:
    if name == "group" and _is_group(text):
        return {"group": text}
    if name in NUMBERS:
        field, least, most = NUMBERS[name]
        value = number(text, least, most)
        if value is not None:
            return {field: value}
    losses.warning(
        line,
        f"lvs_sync_daemon: {shown(name)} {shown(text)} is left out",
        "write it into sync_daemons of the profile where it is in the range",
    )
    return {}


def _is_group(text: str) -> bool:
    try:
        return ip_address(text).is_multicast
    except ValueError:
        return False


def _in_order(fields: Document) -> Document:
    order = ("syncid", "sync_maxlen", "group", "port", "ttl")
    return {name: fields[name] for name in order if name in fields}
