"""Whether /proc is there: what it does not show must not be taken for a setting of the kernel's."""

from __future__ import annotations

from pathlib import Path

from lvsdr.errors import CannotRun

PROC = Path("/proc")


def require_proc() -> None:
    """Raise CannotRun where /proc, or what it has besides processes, is hidden from us."""
    if not (PROC / "self").exists():
        raise CannotRun("cannot run without /proc", hints=["mount -t proc proc /proc"])
    if not (PROC / "sys" / "net").is_dir():
        raise CannotRun(
            f"cannot read sysctls: there is no {PROC / 'sys' / 'net'}",
            hints=["a /proc that is mounted without subset=pid; in a unit: ProcSubset=all"],
        )
