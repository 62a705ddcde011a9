"""Other programs that set up addresses and IPVS, by the files that they leave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lvsdr.model.owner import Owner

BLOCK = re.compile(r"^\s*virtual_server\s+(\S+)(?:\s+(\S+))?", re.MULTILINE)
FLUSH = re.compile(r"^\s*lvs_flush(?:_onstop)?\b", re.MULTILINE)
COMMENT = re.compile(r"[#!].*")
KEPT = re.compile(r"^\s*KeepConfiguration\s*=\s*(yes|true|1|on|static)\s*$", re.MULTILINE)
MANAGED = re.compile(r"^managed=(?:true|1)$", re.MULTILINE)


def owners(links: Mapping[str, int], root: Path) -> Iterator[Owner]:
    """Yield who else sets up what lvsdr does; `links` are the indexes of the links by name."""
    yield from _keepalived(root)
    for name, index in links.items():
        if MANAGED.search(_text(root / f"run/NetworkManager/devices/{index}")):
            yield Owner("NetworkManager", f"/run/NetworkManager/devices/{index}", (name,))
        yield from _networkd(name, index, root)


def _keepalived(root: Path) -> Iterator[Owner]:
    for path in sorted((root / "etc/keepalived").glob("*.conf")):
        text = COMMENT.sub("", _text(path))
        place = f"/{path.relative_to(root)}"
        blocks = tuple(" ".join(filter(None, found)) for found in BLOCK.findall(text))
        if blocks:
            yield Owner("keepalived", place, blocks)
        if FLUSH.search(text):
            yield Owner("lvs_flush", place)


def _networkd(name: str, index: int, root: Path) -> Iterator[Owner]:
    state = _text(root / f"run/systemd/netif/links/{index}")
    found = re.search(r"^NETWORK_FILE=(/.+)$", state, re.MULTILINE)
    if found is None:
        return
    file = Path(found[1])
    folders = ("etc/systemd/network", "run/systemd/network", "usr/lib/systemd/network")
    drop_ins = [
        path for folder in folders for path in (root / folder / f"{file.name}.d").glob("*.conf")
    ]
    files = [root / file.relative_to("/"), *drop_ins]
    if not any(KEPT.search(_text(each)) for each in files):
        yield Owner("systemd-networkd", str(file), (name,))


def _text(path: Path) -> str:
    """Return what a file says, nothing where there is none to read: a guest's files are foreign."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
