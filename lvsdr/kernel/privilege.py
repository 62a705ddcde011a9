"""Which capabilities this process has."""

from __future__ import annotations

from pathlib import Path

CAP_NET_ADMIN = 12


def has_net_admin() -> bool:
    """Return whether CAP_NET_ADMIN is effective (capabilities(7))."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> CAP_NET_ADMIN & 1)
