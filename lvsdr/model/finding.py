"""What a rule found wrong on a host, the segment or a path."""

from __future__ import annotations

from dataclasses import dataclass

from lvsdr.model.address import IPAddress
from lvsdr.model.objects import Key

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: its rule, how bad it is, where it is (a link, a sysctl, a host), and the remedy.

    `about` has the keys of the objects that it is about: a difference there is the same fault.
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
