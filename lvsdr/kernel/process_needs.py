"""What this process needs to run here: /proc, and CAP_NET_ADMIN to change anything."""

from __future__ import annotations

from pathlib import Path

from lvsdr.errors import CannotRun

PROC = Path("/proc")
CAP_NET_ADMIN = 12


def require_proc() -> None:
    """Raise CannotRun where /proc, or what it has besides processes, is hidden from us.

    What it does not show must not be taken for a setting of the kernel's.
    """
    if not (PROC / "self").exists():
        raise CannotRun("cannot run without /proc", hints=["mount -t proc proc /proc"])
    if not (PROC / "sys" / "net").is_dir():
        raise CannotRun(
            f"cannot read sysctls: there is no {PROC / 'sys' / 'net'}",
            hints=["a /proc that is mounted without subset=pid; in a unit: ProcSubset=all"],
        )


def has_net_admin() -> bool:
    """Return whether CAP_NET_ADMIN is effective (capabilities(7))."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> CAP_NET_ADMIN & 1)
