"""What a rule found wrong on a host, the segment or a path."""

from __future__ import annotations

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.objects import Key

ERROR, WARNING, INFO = SEVERITIES = "error", "warning", "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: its rule, how bad it is, where it is (a link, a sysctl, a host), and the remedy.

    `hint` is a command that mends it, typed as it is on the host `on`, by default this one: it must
    harm no client, at any moment. Where no such command is known, `look` says in words where to
    look or whom to ask. `about` has the keys of the objects that it is about: a difference there is
    the same fault.
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
        return remedies(self.hint, self.look, self.on)


def remedies(hint: str, look: str, on: str) -> tuple[tuple[str, str], ...]:
    """Return a command, and words, that mend it on a host; each after its word: hint or look."""
    place = f"on {on}: " if on else ""
    return tuple((word, place + text) for word, text in (("hint", hint), ("look", look)) if text)
