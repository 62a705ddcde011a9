"""What a hint has to be: commands, as they are typed in a shell, and no words beside them."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache

PROGRAMS = frozenset({
    *("arp", "bridge", "ethtool", "ip", "ip6tables", "iptables", "ipvsadm", "modprobe", "sysctl"),
    *("chmod", "chown", "mkdir", "printf", "networkctl", "nsenter", "systemctl", "lvsdr"),
})  # fmt: skip
# What somebody would have to put something in the place of, or has to understand first.
WORDS = re.compile(
    r"\b(?:RIP|DIP|VIP|PREFIX|PROFILE|LINK|then|or|where|write)\b|\bon [0-9a-z.:]+: "
)


@lru_cache(maxsize=4096)
def fault_of_hint(hint: str) -> str:
    """Return what keeps a hint from being typed as it is, empty where nothing does."""
    if not hint:
        return ""
    if not hint.isprintable() or hint != hint.strip():
        return "it is not one line"
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "Q", hint)
    for command in re.split(r"; | && ", bare):
        words = shlex.split(command)
        if not words or words[0] not in PROGRAMS:
            return f"{command!r} is no command that hints have"
    found = WORDS.search(bare)
    return f"{found[0]!r} is no part of a command" if found else ""
