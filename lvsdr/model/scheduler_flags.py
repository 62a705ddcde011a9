"""The schedulers that Linux has, and what they may do besides, flag by flag."""

from __future__ import annotations

from collections.abc import Mapping

# net/netfilter/ipvs/Kconfig: each is a module ip_vs_NAME.
SCHEDULERS = (
    *("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh"),
    "twos",
)

# Each flag of a scheduler by its name: the scheduler it is for, and its bit (linux/ip_vs.h).
SCHEDULER_FLAGS: Mapping[str, tuple[str, int]] = {
    "sh-fallback": ("sh", 0x08),
    "sh-port": ("sh", 0x10),
    "mh-fallback": ("mh", 0x08),
    "mh-port": ("mh", 0x10),
}


def flags_in_words(scheduler: str, flags: int) -> str:
    """Return the flags of a scheduler by their names, those unknown by their number."""
    if not flags:
        return ""
    known = {name: bit for name, (owner, bit) in SCHEDULER_FLAGS.items() if owner == scheduler}
    names = [name for name, bit in known.items() if flags & bit]
    rest = flags & ~sum(known.values())
    return ", ".join([*names, *([f"flags {rest:#x}"] if rest else [])])
