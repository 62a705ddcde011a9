"""Files that `lvsdr export` writes, put in place on a host of the lab, and what came of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import program
from rig import checked

from lvsdr.lab.lab_host import Host

SYSCTLS = ("arp_ignore", "arp_announce", "rp_filter")
SYSCTL = "/lib/systemd/systemd-sysctl"


@contextmanager
def in_place(host: Host, format_: str, *words: str | Path, code: int = 0) -> Iterator[list[str]]:
    """Put the files of an export where they belong, and give what it finds; takes them away."""
    arguments = ("export", format_, *map(str, words), "--out", "/", "--format", "json")
    said = json.loads(checked(program.run(host, *arguments), code).stdout)
    placed = [Path(each["placed"]) for each in said["files"]]
    try:
        yield [each["message"] for each in said["findings"]]
    finally:
        for path in placed:
            path.unlink(missing_ok=True)


def booted(host: Host) -> None:
    """Let the settings of sysctl.d count, as at boot; no link of ours is there yet."""
    host.run(SYSCTL)


def looks(host: Host, *links: str) -> dict[str, Any]:
    """Return what a host is like where it holds VIPs: links, addresses in order, dead ends."""
    shown = {each["ifname"]: each for each in _shown(host, "-d", "address", "show")}
    return {
        "links": {name: _link(shown[name]) for name in links if name in shown},
        "addresses": {
            name: [_address(each) for each in shown[name]["addr_info"] if each["scope"] != "link"]
            for name in links
            if name in shown
        },
        "guards": sorted(
            (each["dst"], each["type"], each.get("metric", 0))
            for family in ("-4", "-6")
            for each in _shown(host, family, "route", "show", "type", "unreachable")
        ),
        "settings": {
            f"{scope}/{name}": _setting(host, scope, name)
            for scope in ("all", *links)
            for name in SYSCTLS
            if scope in ("all", *shown)
        },
    }


def _shown(host: Host, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(host.run("ip", "-j", *words).stdout or "[]")
    return found


def _link(shown: Mapping[str, Any]) -> tuple[str, bool, bool]:
    kind = shown.get("linkinfo", {}).get("info_kind", "")
    return (kind, "UP" in shown["flags"], "NOARP" in shown["flags"])


def _address(shown: Mapping[str, Any]) -> tuple[str, str, str, bool]:
    """Return an address with its prefix, its scope and label, and whether it is no source."""
    ip = f"{shown['local']}/{shown['prefixlen']}"
    deprecated = bool(shown.get("deprecated")) or shown["preferred_life_time"] == 0
    return (ip, shown["scope"], shown.get("label", ""), deprecated)


def _setting(host: Host, scope: str, name: str) -> str:
    path = Path(f"/proc/sys/net/ipv4/conf/{scope}/{name}")
    return host.inside(lambda: path.read_text(encoding="ascii").strip())


def answerers(observer: Host, address: str) -> set[str]:
    """Return the MACs that answer arping(8) for an address."""
    done = observer.run("arping", "-c", "2", "-w", "2", "-I", "eth0", address, check=False)
    return {word.strip("[]").lower() for word in done.stdout.split() if word.startswith("[")}
