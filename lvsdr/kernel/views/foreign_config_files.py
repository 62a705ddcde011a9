"""Other programs that set up addresses and IPVS, by the files that they leave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lvsdr.formats.keepalived.conf_in_use import in_use
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.reading import read_by
from lvsdr.kernel.views.running_checkers import ldirectord
from lvsdr.model.foreign_program import Owner
from lvsdr.model.printable import printable

KEPT = re.compile(r"^\s*KeepConfiguration\s*=\s*(yes|true|1|on|static)\s*$", re.MULTILINE)
MANAGED = re.compile(r"^managed=(?:true|1)$", re.MULTILINE)


def owners(links: Mapping[str, int], root: Path) -> Iterator[Owner]:
    """Yield who else sets up what lvsdr does; `links` are the indexes of the links by name."""
    yield from _keepalived(root)
    yield from ldirectord(root / "proc")
    for name, index in links.items():
        if MANAGED.search(_text(root / f"run/NetworkManager/devices/{index}")):
            yield Owner("NetworkManager", f"/run/NetworkManager/devices/{index}", (name,))
        yield from _networkd(name, index, root)


def _keepalived(root: Path) -> Iterator[Owner]:
    """Yield what keepalived has in each file that is in use, and what of one cannot be read.

    What cannot be read is an owner that says so: no reason for a command to fail.
    """
    for used in in_use(root):
        # Of a container, the files are where its keepalived sees them.
        prefix = "" if used.root == root else str(used.root)
        place = prefix + str(used.file)
        try:
            read = read_by(used.file, used.host, used.root)
        except OSError as error:
            # Without a file, keepalived is not started at boot.
            if used.running or not isinstance(error, FileNotFoundError):
                reason = (error.strerror or str(error)).lower()
                yield _unread(place, f"{place} cannot be read: {reason}")
            continue
        for conf in read.confs:
            yield from _claims(conf, prefix)
        yield from (_unread(place, each) for each in read.unread)


def _claims(conf: Configuration, prefix: str) -> Iterator[Owner]:
    """Yield what each file of a configuration, and what it includes, claims for keepalived."""
    claims: dict[str, list[str]] = {}
    for line in (line for block in conf.services() if block.used for line in block.lines):
        claims.setdefault(line.file, []).append(str(line))
    for each in conf.addresses():
        claims.setdefault(each.file, []).append(str(each.address.ip))
    flushes: dict[str, list[str]] = {}
    for flush in conf.flushes():
        flushes.setdefault(flush.file, []).append(flush.name)
    for program, by_file in (("keepalived", claims), ("lvs_flush", flushes)):
        for file, told in by_file.items():
            yield Owner(program, printable(prefix + file), tuple(dict.fromkeys(told)))


def _unread(place: str, what: str) -> Owner:
    return Owner("keepalived", printable(place), unread=printable(what))


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
