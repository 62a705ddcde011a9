"""What a rule or the wire found wrong, and what was heard on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


Form = Literal["own", "probe", "proxy", "overheard", "self"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Somebody spoke in the name of `address`, and hearers learn that it is at `mac`.

    `form` tells the question: asked in our own name, asked in nobody's name (a probe: sender
    0.0.0.0, or the unspecified address), or not asked by us at all. An advertisement to all IPv6
    nodes counts as the answer to the probe; it may also have come unsolicited. "proxy" is an IPv6
    answer to either question that leaves it to others to override what caches hold: a proxy's. On
    IPv4 one knows a proxy by its answering the own form only. "self" is what this host itself
    answers, which it does not hear.
    """

    address: IPAddress
    mac: str
    form: Form
