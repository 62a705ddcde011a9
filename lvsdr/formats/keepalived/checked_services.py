"""Which real servers keepalived checks, and in which services: each virtual_server of a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.server_words import last
from lvsdr.formats.keepalived.virtual_servers import ServiceLine, services_in
from lvsdr.model.address import IPAddress
from lvsdr.model.foreign_program import CheckedService


def checked_services(root: Block) -> Iterator[CheckedService]:
    """Yield the services of a configuration with their real servers, those of groups as well."""
    found = list(services_in(root))
    groups = {
        each.block.words[1]: each.lines
        for each in found
        if each.block.name == "virtual_server_group" and len(each.block.words) > 1
    }
    for each in found:
        if each.block.name == "virtual_server":
            words = each.block.words[1:3]
            lines = groups.get(words[-1], ()) if words[:1] == ["group"] else each.lines
            yield from (_checked(line, each.block) for line in lines)


def _checked(line: ServiceLine, block: Block) -> CheckedService:
    port = int(line.port or 0)
    return CheckedService(
        "fwmark" if line.fwmark else last(block, "protocol").lower() or "udp",
        line.first,
        line.last,
        port,
        int(line.fwmark or 0),
        frozenset(_reals(block, port)),
    )


def _reals(block: Block, port: int) -> Iterator[tuple[IPAddress, int]]:
    for each in block.all("real_server"):
        yield from _place(each.words[1:3], port)


def _place(words: Sequence[str], port: int) -> Iterator[tuple[IPAddress, int]]:
    """Yield the address and the port of a real server; without one it has the service's."""
    try:
        yield ip_address(words[0]), int(words[1]) if len(words) > 1 else port
    except (ValueError, IndexError):
        # What keepalived does not understand either.
        return
