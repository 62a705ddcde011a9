"""Which profile a command of a role takes by itself."""

from __future__ import annotations

from pathlib import Path


def default_profile(role: str) -> Path:
    """Return the path of a role's profile where none is named."""
    return Path(f"/etc/lvsdr/{role}.json")
