"""Where a profile came from, and what of it no object of the kernel shows."""

from __future__ import annotations

import time
from pathlib import Path

from lvsdr.model.profile import DirectorProfile, Origin, Profile


def origin_of(file: Path, profile: Profile | None) -> Origin:
    """Return the origin of a profile that is applied now."""
    return Origin(str(file.resolve()), int(time.time()), _checks(profile))


def _checks(profile: Profile | None) -> str:
    """Return by what it is known that health checks were changed; empty where there are none."""
    if not isinstance(profile, DirectorProfile):
        return ""
    said = (profile.health, tuple(profile.own_health.items()), profile.on_change)
    if not any(said):
        return ""
    # Most profiles have none, and a plan is to start soon.
    from lvsdr.model.file_window import mark_of  # noqa: PLC0415

    return mark_of(repr(said).encode())
