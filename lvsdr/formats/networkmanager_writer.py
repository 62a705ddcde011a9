"""VIPs for NetworkManager: a connection for a holder, and the interface's own with them in it.

It has no drop-ins: what sets up a director's interface is one file, which is written anew.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from lvsdr.errors import ProfileError
from lvsdr.formats.held_vips import Held, held_vips, scope_lost, silence_first
from lvsdr.formats.networkd import settings
from lvsdr.formats.networkmanager import addresses
from lvsdr.model.exported import PRIVATE, Beside, Exporting, NewFile, lost
from lvsdr.model.finding import Finding
from lvsdr.model.objects import Address, Link

FOLDER = "/etc/NetworkManager/system-connections"
# Its types of connections, by the kernel's words.
TYPES = {"dummy": "dummy", "loopback": "loopback"}
SECTIONS = {4: "ipv4", 6: "ipv6"}
# The same link has the same connection each time that it is exported.
OURS = uuid.UUID("5b0a2f64-0c7e-4d0f-9a53-0d6f0f6b8c11")
NUMBERED = re.compile(r"address(?:es)?([0-9]*)")
WITHOUT = frozenset({"disabled", "ignore", "link-local"})


def written(host: Exporting) -> Iterator[NewFile | Finding]:
    """Yield the files: silence, then each link."""
    yield from silence_first(host)
    for each in held_vips(host, "networkmanager"):
        if each.holder is None:
            yield _beside(host.beside, each)
        else:
            head = f"# Made by lvsdr export, from {host.names}."
            path = f"{FOLDER}/lvsdr-{each.name}.nmconnection"
            yield NewFile(path, (head, *_connection(each, each.holder)), PRIVATE)
        yield from _lost(each)


def _connection(held: Held, holder: Link) -> Iterator[str]:
    if holder.link_kind not in TYPES:
        raise ProfileError(
            f"cannot export {held.name} to networkmanager: it makes tunnels of its own, and leaves"
            " the end of others' alone",
            hints=["lvsdr export networkd, or lvsdr export ifupdown"],
        )
    yield from ("[connection]", f"id=lvsdr-{held.name}", f"uuid={uuid.uuid5(OURS, held.name)}")
    yield from (f"type={TYPES[holder.link_kind]}", f"interface-name={held.name}")
    for version, section in SECTIONS.items():
        yield f"[{section}]"
        vips = [each for each in held.addresses if each.ip.version == version]
        # Without a VIP of the family it is left as it is.
        own = ["127.0.0.1/8"] if holder.link_kind == "loopback" and version == 4 else []
        own += ["::1/128"] if holder.link_kind == "loopback" and version == 6 else []
        listed = [*own, *(str(each.ip) for each in vips)]
        yield f"method={'manual' if listed else 'ignore' if version == 6 else 'disabled'}"
        yield from (f"address{number}={ip}" for number, ip in enumerate(listed, 1))
        routes = [each for each in held.routes if each.destination.version == version]
        for number, route in enumerate(routes, 1):
            # A VIP that got lost is not to go back to the director.
            yield f"route{number}={route.destination},,{route.metric}"
            yield f"route{number}_options=type={route.route_kind}"


def _beside(beside: Beside | None, held: Held) -> NewFile:
    if beside is None:
        raise ProfileError(
            f"cannot export the VIPs on {held.name} to networkmanager: they go into the connection"
            f" that sets up {held.name}, and which that is, no profile says",
            hints=[
                "nmcli -f NAME,DEVICE,FILENAME connection show names it",
                f"--beside {FOLDER}/{held.name}.nmconnection, if that is it",
            ],
        )
    names = [value for section, key, value in settings(beside.text) if key == "interface-name"]
    if held.name not in names:
        raise ProfileError(
            f"cannot add the VIPs to {beside.path!r}: it is no connection with interface-name="
            f"{held.name}",
            hints=["nmcli -f NAME,DEVICE,FILENAME connection show names it"],
        )
    lines = beside.text.splitlines()
    for version, section in SECTIONS.items():
        vips = [each for each in held.addresses if each.ip.version == version]
        known = set(addresses(beside.text))
        new = [each for each in vips if each.ip.ip not in known]
        if new:
            lines = _with(lines, section, new, beside)
    path = f"{FOLDER}/{PurePath(beside.path).name}"
    return NewFile(path, tuple(lines), PRIVATE)


def _with(lines: list[str], section: str, vips: Sequence[Address], beside: Beside) -> list[str]:
    """Return the lines of a connection with VIPs at the end of a section, behind its addresses."""
    here = [(key, value) for name, key, value in settings("\n".join(lines)) if name == section]
    method = next((value for key, value in here if key == "method"), "auto")
    if method in WITHOUT:
        raise ProfileError(
            f"cannot add VIPs to {beside.path!r}: its {section}.method is {method}",
            hints=[f"give the director an address of its own (DIP) there: {section}.method manual"],
        )
    taken = [int(found[1] or 0) for key, _ in here if (found := NUMBERED.fullmatch(key))]
    # One of the first form is the first of its list.
    first = max(taken, default=0) + 1
    added = [f"address{number}={each.ip}" for number, each in enumerate(vips, first)]
    if f"[{section}]" not in map(str.strip, lines):
        return [*lines, f"[{section}]", f"method={method}", *added]
    start = [line.strip() for line in lines].index(f"[{section}]") + 1
    end = next((n for n in range(start, len(lines)) if lines[n].startswith("[")), len(lines))
    while end > start and not lines[end - 1].strip():
        end -= 1
    return [*lines[:end], *added, *lines[end:]]


def _lost(held: Held) -> Iterator[Finding]:
    if any(each.label not in (None, held.name) for each in held.addresses):
        yield lost(
            held.name,
            f"NetworkManager knows no labels: ip shows the VIPs as {held.name}",
            f'write "label": "{held.name}" in the profile, or lvsdr finds them different',
        )
    look = "give each link of the host an address of its own"
    yield from scope_lost(held, "NetworkManager", look)
    if any(each.deprecated for each in held.addresses):
        yield lost(
            held.name,
            f"NetworkManager cannot deprecate an address: an IPv6 VIP on {held.name} may be the"
            " source of what this host sends",
        )
