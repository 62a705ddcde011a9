"""The IPVS part of keepalived.conf: which services are keepalived's, and when it empties the table.

Measured with keepalived 2.2.7: the last byte of an IPv4 address, and the last sixteen bits of an
IPv6 one (in hexadecimal), may be a range in a group; so may a prefix, for all its addresses. Behind
the address of a virtual_server a prefix means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_interface, ip_network

from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass

FLUSHES = ("lvs_flush", "lvs_flush_on_stop", "lvs_flush_onstop")


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """A line that names services: of `first` to `last` at `port`, or of the mark `fwmark`.

    `file` is where it stands; `group` the virtual_server_group that it stands in, if any.
    """

    port: str
    file: str
    first: IPAddress | None = None
    last: IPAddress | None = None
    fwmark: str = ""
    group: str = ""

    def __str__(self) -> str:
        """Return `VIP PORT`, `FIRST-LAST PORT` or `fwmark MARK`, and the group behind it."""
        addresses = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        service = f"fwmark {self.fwmark}" if self.fwmark else f"{addresses} {self.port}"
        return f"{service} (group {self.group})" if self.group else service

    def has(self, vip: IPAddress) -> bool:
        """Return whether `vip` is one of the addresses."""
        return (
            self.first is not None
            and self.last is not None
            and self.first.version == vip.version
            and int(self.first) <= int(vip) <= int(self.last)
        )


@dataclass(frozen=True, slots=True)
class ServiceBlock:
    """A virtual_server, or a virtual_server_group.

    A group that is not `used` by a virtual_server has no service in the table.
    """

    block: Block
    lines: tuple[ServiceLine, ...]
    used: bool = True


def services_in(root: Block) -> Iterator[ServiceBlock]:
    """Yield the virtual servers and their groups, in the order of the file.

    The line of a virtual_server that names a group has no service: the group's own lines have.
    """
    named = {each.words[2] for each in root.all("virtual_server") if _names_a_group(each)}
    for block in root.all("virtual_server", "virtual_server_group"):
        if block.name == "virtual_server_group":
            inner = tuple(_lines_of_group(block))
            yield ServiceBlock(block, inner, used="".join(block.words[1:2]) in named)
        else:
            line = None if _names_a_group(block) else _line(block.words[1:], block.file)
            yield ServiceBlock(block, () if line is None else (line,))


def flushes_in(root: Block) -> Iterator[Block]:
    """Yield the settings that empty the whole table.

    With `VS` behind it, lvs_flush_on_stop takes away keepalived's own services alone.
    """
    for each in root.within("global_defs", *FLUSHES):
        if each.name == "lvs_flush" or not each.value:
            yield each


def _names_a_group(block: Block) -> bool:
    return block.words[1:2] == ["group"] and len(block.words) > 2


def _lines_of_group(group: Block) -> Iterator[ServiceLine]:
    for each in group.inner:
        line = _line(each.words, each.file, group.value)
        if line is not None:
            yield line


def _line(words: Sequence[str], file: str, group: str = "") -> ServiceLine | None:
    """Return what a line names; None where keepalived takes it for nothing, too."""
    name, port = (*words, "", "")[:2]
    if not port and name != "fwmark":
        port = "0"
    if not port.isascii() or not port.isdigit():
        return None
    if name == "fwmark":
        return ServiceLine("", file, fwmark=port, group=group)
    try:
        first, last = _range(name) if group else (ip_interface(name).ip,) * 2
    except ValueError:
        return None
    return ServiceLine(port, file, first, last, group=group)


def _range(text: str) -> tuple[IPAddress, IPAddress]:
    """Return the first and the last address; raise ValueError for what is no range."""
    if "/" in text:
        # keepalived skips one in which bits of the host are set.
        network = ip_network(text)
        return network[0], network[-1]
    start, dash, end = text.partition("-")
    first = ip_address(start)
    if not dash:
        return first, first
    bits, base = (8, 10) if first.version == 4 else (16, 16)
    number = int(end, base)
    if not 0 <= number < 1 << bits:
        raise ValueError(text)
    return first, first + (number - int(first) % (1 << bits))
