"""Which firewalls have rules on this host: nf_tables, and the tables of legacy iptables."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from lvsdr.kernel.netlink import nft_chains
from lvsdr.model.firewall import Firewall
from lvsdr.model.late_dataclasses import dataclass

# Of the thread, which may be in another network namespace than the process.
_NET, _ROOT = Path("/proc/thread-self/net"), Path("/")
_UNREAD = (PermissionError, InterruptedError)
# linux/netfilter_ipv4/ip_tables.h: the name, which hooks, where the rules of each of the five begin
# and where its policy is, how many entries, how large.
_INFO = struct.Struct("=32sI20s5III")
_GET_INFO, _GET_ENTRIES = 64, 65
# Before the entries: the name, and their size.
_HEAD = 40
# A target begins with its size and its name.
_TARGET, _DROP = 32, -1
# What is only passed on is nothing of this host's.
_FORWARD = 2


@dataclass(frozen=True, slots=True)
class _Legacy:
    """One family of legacy iptables; `offset` is where an entry says where its target is."""

    tool: str
    names: str
    family: socket.AddressFamily
    level: int
    offset: int


_LEGACY = (
    _Legacy("iptables-legacy-save", "ip_tables_names", socket.AF_INET, socket.IPPROTO_IP, 88),
    _Legacy("ip6tables-legacy-save", "ip6_tables_names", socket.AF_INET6, socket.IPPROTO_IPV6, 140),
)


def firewalls(net: Path = _NET, root: Path = _ROOT) -> Iterator[Firewall]:
    """Yield each place with rules that filter what comes to this host, or what it sends.

    What may not be read is a firewall with an unknown number of rules. No module is loaded.
    """
    if _has_nf_tables(root):
        yield from _of_nf_tables()
    for legacy in _LEGACY:
        try:
            tables = (net / legacy.names).read_text(encoding="ascii").split()
        except FileNotFoundError:
            continue
        except PermissionError:
            yield Firewall(legacy.tool, "")
            continue
        found = (_legacy_table(table, legacy) for table in tables if table != "nat")
        yield from (each for each in found if each.rules != 0 or each.drops)


def _of_nf_tables() -> Iterator[Firewall]:
    try:
        chains = nft_chains.dump()
    except _UNREAD:
        yield Firewall("nft list ruleset", "")
        return
    except OSError:
        # The kernel has no nf_tables after all.
        return
    for chain in chains:
        filters = chain.hook not in ("", "forward") and chain.kind != "nat"
        if filters and (chain.rules or chain.drops):
            place = f"{chain.family} {chain.table} {chain.name}"
            yield Firewall("nft list ruleset", place, chain.rules, chain.drops)


def _has_nf_tables(root: Path) -> bool:
    """Return whether it is there already: to ask for it would load it."""
    loaded = _text(root / "proc/modules").splitlines()
    if any(line.startswith("nf_tables ") for line in loaded):
        return True
    builtin = _text(root / f"lib/modules/{os.uname().release}/modules.builtin")
    return "/nf_tables.ko" in builtin


def _legacy_table(table: str, legacy: _Legacy) -> Firewall:
    """Return how many rules a table has, and whether any of its policies drops."""
    with socket.socket(legacy.family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        head = struct.pack("32s", table.encode())
        info = _option(asking, legacy.level, _GET_INFO, head, _INFO.size)
        if info is None:
            return Firewall(legacy.tool, table)
        _, hooks, _, *policies, entries, size = _INFO.unpack(info)
        asked = head + struct.pack("=I4x", size)
        found = _option(asking, legacy.level, _GET_ENTRIES, asked, _HEAD + size)
    held = [place for hook, place in enumerate(policies) if hooks >> hook & 1]
    # Besides the policies one entry ends the table.
    rules = int(entries) - len(held) - 1
    own = [place for hook, place in enumerate(policies) if hooks >> hook & 1 and hook != _FORWARD]
    drops = found is not None and any(
        _verdict(found[_HEAD + place :], legacy.offset) == _DROP for place in own
    )
    return Firewall(legacy.tool, table, rules, drops)


def _verdict(entry: bytes, offset: int) -> int:
    """Return what the target of an entry, a policy, does with a packet."""
    (target,) = struct.unpack_from("=H", entry, offset)
    (verdict,) = struct.unpack_from("=i", entry, target + _TARGET)
    return int(verdict)


def _option(
    asking: socket.socket, level: int, option: int, asked: bytes, size: int
) -> bytes | None:
    """Return what getsockopt(2) fills a buffer with that begins with `asked`, None if nothing.

    Python's own passes nothing to the kernel.
    """
    # Most hosts have no such table, and its import takes as long as a listing of routes.
    import ctypes  # noqa: PLC0415

    buffer, length = ctypes.create_string_buffer(asked, size), ctypes.c_uint(size)
    libc = ctypes.CDLL(None, use_errno=True)
    words = asking.fileno(), level, option, buffer, ctypes.byref(length)
    return buffer.raw if libc.getsockopt(*words) == 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
