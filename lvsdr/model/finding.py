"""What a rule found wrong on a host, the segment or a path."""

from __future__ import annotations

from dataclasses import dataclass

from lvsdr.model.address import IPAddress
from lvsdr.model.objects import Key

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: which rule, how bad, whose (a link, a sysctl, a host), and the way to mend it.

    `about` are the keys of the objects that it speaks of: what differs there is no other fault.
    """

    rule: str
    severity: str
    subject: str
    message: str
    hint: str
    vip: IPAddress | None = None
    mac: str | None = None
    rip: IPAddress | None = None
    about: frozenset[Key] = frozenset()
