"""Which of its own addresses this host has TCP connections to, by /proc/net/tcp."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from lvsdr.model.address import IPAddress

# Of the thread, which may be in another network namespace than the process.
_NET = Path("/proc/thread-self/net")
_TABLES = {4: "tcp", 6: "tcp6"}


def to_itself(own: Iterable[IPAddress], net: Path = _NET) -> frozenset[IPAddress]:
    """Return those of `own` to which a TCP connection leads, or has led in the last minute.

    Both ends of a connection between two of them count: what is left of it may be the end that
    answered. Reads one line for each connection; a kernel without a family has none of that.
    """
    wanted = set(own)
    found: set[IPAddress] = set()
    for version, table in _TABLES.items():
        shown = {_shown(address): address for address in wanted if address.version == version}
        if shown:
            between = (pair for pair in _ends(net / table) if pair[1] in shown)
            found.update(shown[end] for pair in between for end in pair if end in shown)
    return frozenset(found)


def _ends(table: Path) -> Iterator[tuple[str, str]]:
    """Yield the local and the remote address of each connection, as the kernel prints them."""
    try:
        with table.open(encoding="ascii") as lines:
            for line in lines:
                _, local, remote, *_ = line.split(maxsplit=3)
                yield local.partition(":")[0], remote.partition(":")[0]
    except FileNotFoundError:
        return


def _shown(address: IPv4Address | IPv6Address) -> str:
    """Return an address as the kernel prints it: each 32 bits in the machine's byte order."""
    words = (address.packed[at : at + 4] for at in range(0, len(address.packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
