"""Schedulers that the kernel does not have under the name that a profile gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.model.scheduler_flags import SCHEDULERS


def scheduler_findings(profiles: Sequence[Profile]) -> Iterator[Finding]:
    """Yield each scheduler that Linux does not have, once for a profile.

    A name that people use for one of Linux's is an error; any other may be a module of its own.
    """
    for profile in profiles:
        if not isinstance(profile, DirectorProfile):
            continue
        for name in dict.fromkeys(each.scheduler for each in profile.virtual_servers):
            if name not in SCHEDULERS:
                yield _unknown(f"director {profile.name}", name)


def _unknown(subject: str, name: str) -> Finding:
    meant = _meant(name)
    near = next(iter(get_close_matches(name, SCHEDULERS, 1, 0.7)), None)
    likely = meant or near
    return Finding(
        "SCHEDULER-UNKNOWN",
        ERROR if meant else WARNING,
        subject,
        f"{subject} has the scheduler {name}, which Linux does not have: unless somebody has added"
        f" ip_vs_{name}, it is refused at apply",
        look=f"did you mean {likely}" if likely else f"those of Linux: {', '.join(SCHEDULERS)}",
    )


def _meant(name: str) -> str | None:
    """Return the scheduler that people call `name` in words."""
    plain = re.sub("[-_]|ed$|ing$|s$|connection|conn", "", name.replace("weighted", "weight"))
    return WORDS.get(plain)


WORDS = {
    "roundrobin": "rr",
    "weightroundrobin": "wrr",
    "weightrr": "wrr",
    "least": "lc",
    "weightleast": "wlc",
    "weightlc": "wlc",
    "sourcehash": "sh",
    "source": "sh",
    "iphash": "sh",
    "destinationhash": "dh",
    "desthash": "dh",
    "maglev": "mh",
    "maglevhash": "mh",
    "shortestexpecteddelay": "sed",
    "neverqueue": "nq",
    "failover": "fo",
    "weightfailover": "fo",
    "overflow": "ovf",
    "weightoverflow": "ovf",
    "powerof2": "twos",
    "poweroftwo": "twos",
}
