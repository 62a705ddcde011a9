"""What a network link may be called, in a profile as in files of other programs."""

from __future__ import annotations

import re

# The kernel counts bytes, and ends the name with one more (IFNAMSIZ is 16).
LONGEST_LINK = 15
# Sysctls of all links and of new ones have names that no link may have.
LINK = re.compile(r"(?!(?:\.|\.\.|all|default)$)[^/:%\s]{1,15}")


def is_link_name(text: str) -> bool:
    """Return whether a link can be called so, and a profile say it."""
    return bool(LINK.fullmatch(text)) and text.isprintable() and len(text.encode()) <= LONGEST_LINK
