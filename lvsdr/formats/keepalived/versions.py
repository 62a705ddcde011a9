"""The versions of keepalived, and what of them differs for lvsdr."""

from __future__ import annotations

Version = tuple[int, int, int]

# From then on a script's path is looked at as written, and not only as resolved.
LOOKS_AT_WHAT_IS_WRITTEN: Version = (2, 3, 0)
# Of one that cannot be asked, the newest that is known is meant.
NEWEST: Version = (2, 4, 3)
