"""VIPs for ifupdown: a holder's stanza of interfaces(5), and a script for the interface.

A director's VIPs are no stanza of their own: one that stands before that of the interface would
put them ahead of the host's own address, and multicast would leave in their name.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from lvsdr.formats.held_vips import Held, held_vips, silence_first
from lvsdr.formats.plain_names import plain_name
from lvsdr.model.change import Change
from lvsdr.model.exported import PROGRAM, Exporting, NewFile
from lvsdr.model.finding import Finding
from lvsdr.model.holder_kinds import HOLDING_ENDS
from lvsdr.model.objects import Address, Link, Object
from lvsdr.render.shell_commands import plan

STANZAS = "/etc/network/interfaces.d/lvsdr"
SCRIPT = "/etc/network/if-up.d/lvsdr"
FAMILIES = {4: "inet", 6: "inet6"}


def written(host: Exporting) -> Iterator[NewFile | Finding]:
    """Yield the files: silence, then the stanzas of holders, then the script."""
    yield from silence_first(host)
    held = held_vips(host, "ifupdown")
    head = f"# Made by lvsdr export, from {host.names}."
    holders = [line for each in held if each.holder for line in _stanza(each, each.holder)]
    if holders:
        source = "# Read where /etc/network/interfaces says: source /etc/network/interfaces.d/*"
        yield NewFile(STANZAS, (head, source, *holders))
    ours = [line for each in held if each.holder is None for line in _case(each)]
    if ours:
        yield NewFile(SCRIPT, ("#!/bin/sh", head, *_script(ours)), PROGRAM)


def _stanza(held: Held, holder: Link) -> Iterator[str]:
    name = held.name
    yield f"auto {name}"
    yield f"iface {name} inet manual"
    made = {"dummy": f"ip link add {name} type dummy"}.get(holder.link_kind)
    if name in HOLDING_ENDS:
        made = f"modprobe {HOLDING_ENDS[name].module}"
    if made is not None:
        yield f"    pre-up ip link show {name} >/dev/null 2>&1 || {made}"
    if holder.link_kind != "loopback":
        yield f"    up ip link set {name} arp {'on' if holder.arp else 'off'} up"
    # They stay when the link goes down: a VIP that got lost is not to go back to the director.
    yield from (f"    up {line} proto kernel" for line in _replacing(held.routes))
    yield from (f"    up {line}" for line in _replacing(held.addresses))
    for each in held.addresses:
        yield f"    down ip address del {each.ip} dev {name} || true"
    if holder.link_kind == "dummy":
        yield f"    post-down ip link del {name}"


def _replacing(objects: Iterable[Object]) -> Iterator[str]:
    """Yield the command for each, which does nothing where it is there already."""
    for line in plan(tuple(Change(None, each) for each in objects)):
        words = shlex.split(line.removesuffix(" proto kernel"))
        place = words.index("add")
        yield shlex.join([*words[:place], "replace", *words[place + 1 :]])


def _script(cases: Iterable[str]) -> Iterator[str]:
    yield "# ifupdown runs it when a link has come up, once for each family."
    yield "# Behind the address of the host, of which multicast is to leave: so anew each time."
    yield 'case "$IFACE $ADDRFAM" in'
    yield from cases
    yield "esac"
    # A script that fails lets the link count as not set up.
    yield "exit 0"


def _case(held: Held) -> Iterator[str]:
    for version, family in FAMILIES.items():
        addresses = [each for each in held.addresses if each.ip.version == version]
        if addresses:
            yield f'"{held.name} {family}")'
            yield from (f"    {line}" for each in addresses for line in _behind(each))
            yield "    ;;"


def _behind(address: Address) -> Iterator[str]:
    if address.label is not None:
        plain_name(address.label)
    yield f"ip address del {address.ip} dev {address.link} 2>/dev/null"
    yield from plan((Change(None, address),))
