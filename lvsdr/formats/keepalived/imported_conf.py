"""keepalived.conf as profiles: what one host reads, each of its services and VIPs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from lvsdr.errors import ProfileError
from lvsdr.formats.imported_realservers import realserver_documents
from lvsdr.formats.keepalived.conf_losses import Losses
from lvsdr.formats.keepalived.conf_syntax import Block, parsed
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.host_lines import own_name
from lvsdr.formats.keepalived.imported_globals import others_told, sync_daemons, timeouts
from lvsdr.formats.keepalived.imported_services import Services, why_ignored
from lvsdr.formats.keepalived.imported_vips import Held, held_in, routers_told
from lvsdr.formats.keepalived.includes import Budget
from lvsdr.formats.keepalived.judge import findings as judged
from lvsdr.formats.keepalived.reading import read_by
from lvsdr.formats.keepalived.real_server_meaning import is_host
from lvsdr.formats.keepalived.server_settings import ServerSettings, read_server
from lvsdr.formats.keepalived.service_places import Place, groups_of, places_of
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import Finding
from lvsdr.model.imported import Document, Imported, Unsaid
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.printable import printable

LARGEST = 16 << 20
"""Bytes, of all files together: five thousand virtual servers have 3 MB."""
# Of a health, as the schema has them.
DEFAULTS: Document = {"interval": 1, "timeout": 0.5, "fall": 2, "rise": 2, "check": "path"}
Server = tuple[ServerSettings, list[Place]]


def imported(files: Sequence[Path], unsaid: Unsaid) -> Imported:
    """Return what the files mean to one host, one after the other as one configuration.

    Raises ProfileError for a file that cannot be read, and where there is nothing to import.
    """
    root, found = _read(files, unsaid.host or own_name())
    meant = meaning_of(root, str(files[0]), unsaid)
    return replace(meant, findings=(*found, *meant.findings))


def meaning_of(root: Block, file: str, unsaid: Unsaid) -> Imported:
    """Return what a configuration means, `file` being its name; raise ProfileError for nothing."""
    losses = Losses()
    made = _director(root, unsaid, losses, file)
    director, realservers, shared = None, dict[str, Document](), tuple[Finding, ...]()
    if any(name in made for name in ("vips", "virtual_servers", "timeouts", "sync_daemons")):
        # Otherwise all of it is lost: what there is to say of that are findings.
        interface = unsaid.realserver_interface or made["interface"]
        director = made
        realservers, shared = realserver_documents(made, interface, file)
    found = judged([Configuration(file, None, root)])
    return Imported(director, realservers, (*found, *losses.findings(), *shared))


def _read(files: Sequence[Path], host: str) -> tuple[Block, list[Finding]]:
    """Return all lines of the files as one tree, and what was found on the way."""
    root, found = parsed(()), list[Finding]()
    budget = Budget(LARGEST, LARGEST, LARGEST)
    for path in dict.fromkeys(files):
        try:
            reading = read_by(path, host, budget=budget)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ProfileError(
                f"cannot read {printable(str(path))}: {reason}",
                hints=[
                    "name a keepalived.conf that is there, as root where others may not read it"
                ],
            ) from error
        root.inner += reading.confs[0].root.inner
        found += reading.findings
    return root, found


def _director(root: Block, unsaid: Unsaid, losses: Losses, file: str) -> Document:
    servers = list(_servers(root, losses))
    vips = dict.fromkeys(
        place.vip for _, places in servers for place in places if place.vip is not None
    )
    held = held_in(root, unsaid.interface, list(vips), losses)
    routers_told(root, losses)
    others_told(root, losses)
    if not held.entries and not servers:
        raise ProfileError(
            f"cannot import {printable(file)}: it has no virtual_server, and no virtual_ipaddress",
            hints=["name the file that has them, or --host ID where its lines begin with @ID"],
        )
    if held.guessed:
        losses.warning(
            Block([], 0, file),
            f"no line says on which link the VIPs are: {held.interface} is written",
            "import once more with --interface LINK, and --rs-interface LINK for real servers",
        )
    return _document(root, servers, held, losses)


def _servers(root: Block, losses: Losses) -> Iterator[Server]:
    groups = groups_of(root)
    for block in root.all("virtual_server"):
        places = places_of(block, groups, losses)
        usable = [each for each in places if each.vip is None or is_host(each.vip)]
        for each in places:
            if each not in usable:
                losses.error(
                    each.line,
                    f"{each.vip} is no VIP: this host's own, or nobody's",
                    "write an address that clients connect to",
                )
        if not usable:
            continue
        read = read_server(block, losses)
        ignored = why_ignored(read, places)
        if ignored is None:
            yield read, usable
        else:
            losses.warning(block, f"{ignored[0]}, and keepalived ignores it", ignored[1])


def _document(root: Block, servers: Sequence[Server], held: Held, losses: Losses) -> Document:
    services = Services(frozenset(_addresses(held)), losses)
    for read, places in servers:
        here = [each for each in places if each.vip not in held.elsewhere]
        if here:
            services.add(read, here)
    daemons, follow = sync_daemons(root, held.interface, losses)
    entries = services.documents(usual := services.usual_health())
    if daemons and any(map(_is_of_two_families, entries)):
        line = root.first("global_defs") or root
        losses.error(
            line,
            "lvs_sync_daemon: no sync daemon goes with a real server of another family than its"
            " virtual server",
            "leave it out, or give that real server an address of the same family",
        )
        daemons, follow = [], False
    return {
        "role": "director",
        "interface": held.interface,
        **_given("vips", held.entries),
        **({"standby": "synced"} if follow else {}),
        **_given("timeouts", timeouts(root, losses)),
        **_given("sync_daemons", daemons),
        **({} if usual is None else {"health": _without_defaults(usual)}),
        **_given("virtual_servers", entries),
    }


def _given(name: str, value: Any) -> Document:
    return {name: value} if value else {}


def _without_defaults(health: Document) -> Document:
    return {name: value for name, value in health.items() if DEFAULTS.get(name) != value}


def _is_of_two_families(entry: Document) -> bool:
    servers = [*entry["real_servers"], *filter(None, [entry.get("sorry_server")])]
    six = ":" in entry["vip"] if "vip" in entry else ":" in servers[0]["rip"]
    return any((":" in each["rip"]) != six for each in servers)


def _addresses(held: Held) -> Iterator[IPAddress]:
    yield from (ip_address(each["address"]) for each in held.entries)
