"""What a rule found wrong on a host, the segment or a path."""

from __future__ import annotations

from dataclasses import dataclass

from lvsdr.model.address import IPAddress
from lvsdr.model.objects import Key

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: its rule, how bad it is, where it is (a link, a sysctl, a host), and the remedy.

    `hint` mends it: a command for the host `on`, by default this one, that harms no client at any
    moment; many rules still put words there, or the host. Where no such command is known, `look`
    says in words where to look or whom to ask. `about` has the keys of the objects that it is
    about: a difference there is the same fault.
    """

    rule: str
    severity: str
    subject: str
    message: str
    hint: str = ""
    vip: IPAddress | None = None
    mac: str | None = None
    rip: IPAddress | None = None
    about: frozenset[Key] = frozenset()
    look: str = ""
    on: str = ""

    @property
    def remedies(self) -> tuple[tuple[str, str], ...]:
        """Return each remedy as people read it, after its word: hint or look."""
        place = f"on {self.on}: " if self.on else ""
        said = (("hint", self.hint), ("look", self.look))
        return tuple((word, place + text) for word, text in said if text)
