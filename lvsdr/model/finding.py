"""What a rule or the wire found wrong, and what was heard on the wire."""

from __future__ import annotations

from dataclasses import dataclass

from lvsdr.model.address import IPAddress

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: which rule, how bad, whose (a link, a sysctl, a host), and the way to mend it."""

    rule: str
    severity: str
    subject: str
    message: str
    hint: str
    vip: IPAddress | None = None
    mac: str | None = None
    rip: IPAddress | None = None


@dataclass(frozen=True, slots=True, order=True)
class Answer:
    """A MAC that spoke for an address on the wire.

    `form` is own (it answered a question with a sender address), probe (it answered the 0.0.0.0
    or unspecified-source form) or overheard (it spoke in the address's name without being asked).
    """

    address: IPAddress
    mac: str
    form: str
