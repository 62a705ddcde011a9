"""Other programs that set up addresses and IPVS, by the files that they leave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lvsdr.formats import ifupdown, networkd, networkmanager
from lvsdr.formats.keepalived.conf_in_use import in_use, is_namespace_of_boot, processes_of
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.reading import read_by
from lvsdr.formats.networkd import settings
from lvsdr.kernel.views.running_checkers import ldirectord
from lvsdr.model.foreign_program import Owner
from lvsdr.model.printable import printable

NETWORKD, MANAGER = "systemd-networkd", "NetworkManager"
NETWORKS = [f"{each}/systemd/network" for each in ("etc", "run", "usr/local/lib", "usr/lib", "lib")]
CONNECTIONS = [f"{each}/NetworkManager/system-connections" for each in ("etc", "run", "usr/lib")]
INTERFACES = Path("/etc/network/interfaces")
# What puts the VIPs back: a call of the program, or a unit of it.
APPLIES = re.compile(r"\blvsdr\b")
MANAGED = re.compile(r"^managed=(?:true|1)$", re.MULTILINE)


def owners(links: Mapping[str, int], root: Path) -> Iterator[Owner]:
    """Yield who else sets up what lvsdr does; `links` are the indexes of the links by name."""
    yield from _keepalived(root)
    yield from ldirectord(root / "proc")
    yield from _network_managers(links, root)


def _network_managers(links: Mapping[str, int], root: Path) -> Iterator[Owner]:
    """Yield who sets up the links of this network namespace, and is no container's.

    Their files name links by index or name, and other namespaces have links of the same.
    """
    booted = is_namespace_of_boot(root / "proc")
    for program, owner in ((MANAGER, _network_manager), (NETWORKD, _networkd)):
        if booted or _works_here(program, root):
            for name, index in links.items():
                yield from owner(name, index, root)
    # It is no process that one could find.
    if booted:
        yield from _ifupdown(links, root)


def _works_here(program: str, root: Path) -> bool:
    """Return whether a program runs in our network namespace, with the files below `root`."""
    try:
        return any(_sees(each, root) for each in processes_of(program, root / "proc"))
    except OSError:
        # No /proc: nothing is known to run.
        return False


def _sees(process: Path, root: Path) -> bool:
    try:
        return (process / "root").samefile(root)
    except OSError:
        # It has ended, or is not for us to look at.
        return False


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
    # Of drop-ins with one name the first counts, and among the others the last.
    drop_ins = {
        path.name: path
        for folder in reversed(NETWORKS)
        for path in (root / folder / f"{file.name}.d").glob("*.conf")
    }
    files = [root / file.relative_to("/"), *(path for _, path in sorted(drop_ins.items()))]
    texts = [_text(each) for each in files]
    if not networkd.keeps_addresses(texts):
        held = map(str, networkd.addresses(texts))
        yield Owner(NETWORKD, str(file), (name, *dict.fromkeys(held)))


def _network_manager(name: str, index: int, root: Path) -> Iterator[Owner]:
    """Yield NetworkManager with the addresses of its connection, where it manages a link."""
    place = f"run/NetworkManager/devices/{index}"
    state = _text(root / place)
    if not MANAGED.search(state):
        return
    uuid = next((value for _, key, value in settings(state) if key == "connection-uuid"), "")
    texts = (_text(path) for folder in CONNECTIONS for path in sorted((root / folder).glob("*")))
    own = (text for text in texts if networkmanager.is_of(text, uuid, name))
    held = (str(each) for text in own for each in networkmanager.addresses(text))
    yield Owner(MANAGER, f"/{place}", (name, *dict.fromkeys(held)))


def _ifupdown(names: Iterable[str], root: Path) -> Iterator[Owner]:
    """Yield ifupdown for each link that it has set up with addresses, if nothing is done then."""
    state = _text(root / "run/network/ifstate").split()
    logical = dict(line.split("=", 1) for line in state if "=" in line)
    if not logical.keys() & set(names):
        return
    every = list(ifupdown.stanzas(INTERFACES, root))
    for name in names:
        mine = [each for each in every if each.link == logical.get(name)]
        commands = [command for each in mine for command in each.commands]
        setting = [each for each in mine if each.method not in ifupdown.WITHOUT_ADDRESSES]
        if setting and not any(APPLIES.search(each) for each in commands):
            yield Owner("ifupdown", setting[0].place, (name,))


def _text(path: Path) -> str:
    """Return what a file says, nothing where there is none to read: a guest's files are foreign."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
