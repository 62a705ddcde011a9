"""Which services a virtual_server stands for: one, or each line of its group, ranges expanded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import NamedTuple

from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.conf_losses import Losses, shown
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.server_words import number
from lvsdr.model.address import IPAddress, parsed_address

MOST_MARK = 4294967295
# Nobody has so many services; a prefix of a group may stand for millions.
MOST = 65536


class Place(NamedTuple):
    """A service by its VIP and port, or by a firewall mark; `line` names it.

    `inet6` is what the line of a mark says of its family, None where it says nothing. A port of 0
    is that of a service for all of them.
    """

    line: Block
    vip: IPAddress | None
    port: int = 0
    mark: int = 0
    inet6: bool | None = None


def groups_of(root: Block) -> dict[str, list[Block]]:
    """Return the lines of each virtual_server_group by its name."""
    groups: dict[str, list[Block]] = {}
    for block in root.all("virtual_server_group"):
        groups.setdefault("".join(block.words[1:2]), []).extend(block.inner)
    return groups


def places_of(block: Block, groups: Mapping[str, list[Block]], losses: Losses) -> list[Place]:
    """Return the services of a virtual_server; none for one that keepalived leaves out.

    Raises ProfileError where a group stands for more than anybody has.
    """
    words = block.words[1:]
    if words[:1] == ["group"]:
        return _of_group(block, groups, losses)
    if words[:1] == ["fwmark"]:
        place = _marked(block, words)
    else:
        # Behind its address a prefix means nothing, and neither does a range.
        address = _address("".join(words[:1]).partition("/")[0].partition("-")[0])
        port = _port(words)
        place = None if address is None or port is None else Place(block, address, port)
    if place is None:
        _left_out(block, losses)
        return []
    return [place]


def _of_group(block: Block, groups: Mapping[str, list[Block]], losses: Losses) -> list[Place]:
    name = "".join(block.words[2:3])
    if name not in groups:
        losses.warning(
            block,
            f"there is no virtual_server_group {shown(name)}: keepalived ignores this"
            " virtual_server",
            "write the group, or remove the virtual_server",
        )
        return []
    places: list[Place] = []
    for line in groups[name]:
        found = _range(line)
        if found is None:
            _left_out(line, losses)
            continue
        places.extend(found)
        if len(places) > MOST:
            raise ProfileError(
                f"cannot import {line.file}:{line.line}: the group {shown(name)} stands for more"
                f" than {MOST} services",
                hints=["write a smaller prefix, or a firewall mark in its place"],
            )
    return places


def _range(line: Block) -> Iterator[Place] | None:
    """Return the services of a line; None where keepalived takes it for none."""
    words = line.words
    if words[:1] == ["fwmark"]:
        place = _marked(line, words)
        return None if place is None else iter([place])
    text, port = words[0], _port(words)
    if port is None:
        return None
    first, last = _ends(text)
    if first is None or last is None:
        return None
    # A million of addresses is refused when they are counted, and not made before.
    count = min(int(last) - int(first), MOST) + 1
    return (Place(line, first + step, port) for step in range(count))


def _ends(text: str) -> tuple[IPAddress | None, IPAddress | None]:
    if "/" in text:
        try:
            network = ip_network(text)
        except ValueError:
            return None, None
        return network[0], network[-1]
    start, dash, end = text.partition("-")
    first = _address(start)
    if first is None or not dash:
        return first, first
    last = _address(end) or _last_of(first, end)
    return first, last if last is not None and _follows(first, last) else None


def _follows(first: IPAddress, last: IPAddress) -> bool:
    return first.version == last.version and int(first) < int(last)


def _last_of(first: IPAddress, text: str) -> IPAddress | None:
    """Return the address whose last part is `text`: a byte, or sixteen bits in hexadecimal."""
    bits, base = (8, 10) if first.version == 4 else (16, 16)
    try:
        end = int(text, base)
    except ValueError:
        return None
    return first + (end - int(first) % (1 << bits)) if 0 <= end < 1 << bits else None


def _marked(line: Block, words: list[str]) -> Place | None:
    mark = number("".join(words[1:2]), 1, MOST_MARK)
    family = {"inet": False, "inet6": True}.get("".join(words[2:3]))
    return None if mark is None else Place(line, None, mark=mark, inet6=family)


def _port(words: list[str]) -> int | None:
    return number(words[1], 0, 65535) if len(words) > 1 else 0


def _address(text: str) -> IPAddress | None:
    try:
        return parsed_address(text)
    except ValueError:
        return None


def _left_out(line: Block, losses: Losses) -> None:
    losses.warning(
        line,
        f"{shown(' '.join(line.words))}: no address and port that keepalived takes; it leaves this"
        " service out, and so does the profile",
        "write it as: virtual_server 192.0.2.5 80, or: fwmark 5",
    )
