"""From which address a sync daemon sends: netlink does not say it, but its socket is listed."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address
from pathlib import Path

from lvsdr.model.ipvs_daemons import SyncDaemon

# Of the thread, which may be in another network namespace than the process.
UDP = Path("/proc/thread-self/net/udp")


def source_of(daemon: SyncDaemon, table: Path = UDP) -> IPv4Address | None:
    """Return the IPv4 address that a daemon is bound to, which it keeps until it ends.

    None of one that hears, or whose group is of IPv6: there a VIP is deprecated, and no source.
    """
    if daemon.state != "master" or not isinstance(daemon.group, IPv4Address):
        return None
    to = f"{_number(daemon.group.packed):08X}:{daemon.port:04X}"
    for line in table.read_text(encoding="ascii").splitlines()[1:]:
        _, local, remote, *_ = line.split(maxsplit=3)
        if remote == to:
            packed = int(local.partition(":")[0], 16).to_bytes(4, sys.byteorder)
            return IPv4Address(packed)
    return None


def _number(packed: bytes) -> int:
    """Return an address as the kernel prints it: in the machine's byte order."""
    return int.from_bytes(packed, sys.byteorder)
