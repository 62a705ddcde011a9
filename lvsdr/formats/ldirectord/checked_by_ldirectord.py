"""Which real servers ldirectord checks, and in which services: the virtual lines of its file."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from ipaddress import ip_address

from lvsdr.model.address import IPAddress
from lvsdr.model.foreign_program import CheckedService

# ldirectord(8): `virtual = 192.0.2.10:80`, or a firewall mark, and below it, indented, its own.
SETTING = re.compile(r"^\s*([a-z]+)6?\s*=\s*(\S+)")
PLACE = re.compile(r"^\[?([0-9a-fA-F.:]+?)\]?(?:->\S+?)?(?::([\w-]+))?$")


def services_in(text: str) -> Iterator[CheckedService]:
    """Yield the services of a file; tolerant, as what others have written."""
    virtual, protocol, reals = "", "", set[str]()
    for line in (*text.splitlines(), "virtual="):
        found = SETTING.match(line.partition("#")[0])
        name, value = (found[1], found[2].strip("\"'")) if found else ("", "")
        if line == "virtual=" or name == "virtual":
            yield from _service(virtual, protocol, reals)
            virtual, protocol, reals = value, "", set()
        elif name == "real":
            reals.add(value)
        elif name == "protocol":
            protocol = value


def _service(virtual: str, protocol: str, reals: set[str]) -> Iterator[CheckedService]:
    named = "fwm" if virtual.isdecimal() else protocol or "tcp"
    vip, port = (None, 0) if virtual.isdecimal() else _place(virtual, named)
    if vip is None and not virtual.isdecimal():
        return
    places = (_place(each, "tcp" if named == "fwm" else named) for each in reals)
    yield CheckedService(
        "fwmark" if named == "fwm" else named,
        vip,
        vip,
        port,
        int(virtual) if virtual.isdecimal() else 0,
        frozenset((rip, number or port) for rip, number in places if rip is not None),
    )


def _place(text: str, protocol: str) -> tuple[IPAddress | None, int]:
    """Return the address of a place and its port; no address where it is none that we know."""
    found = PLACE.match(text)
    if found is None:
        return None, 0
    try:
        return ip_address(found[1]), _port(found[2] or "0", protocol)
    except (ValueError, OSError):
        # A host's name, or a service that nobody knows here.
        return None, 0


def _port(text: str, protocol: str) -> int:
    return int(text) if text.isdecimal() else socket.getservbyname(text, protocol)
