"""What an export is made of, and what comes of it: files, and what they cannot hold."""

from __future__ import annotations

from collections.abc import Sequence

from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.objects import Object
from lvsdr.model.profile import Profile

PRIVATE, PROGRAM = 0o600, 0o755


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be written: where it is read, its lines, and who may read or run it."""

    path: str
    lines: tuple[str, ...]
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Beside:
    """The file of another program that sets up the interface already: its path and its text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Exporting:
    """The profiles of one host, and the objects that `apply` would make of them there.

    `objects` are those on a host whose settings are the kernel's own, in the order of `apply`;
    the table is among them whoever writes it here.
    """

    profiles: tuple[Profile, ...]
    objects: Sequence[Object]
    beside: Beside | None = None

    @property
    def names(self) -> str:
        """Return what the profiles are called, for a comment."""
        return ", ".join(f"{each.name} ({each.role})" for each in self.profiles)


def lost(subject: str, message: str, look: str = "", *, seen: bool = False) -> Finding:
    """Return the finding that something of the profile cannot be said.

    It is an error where clients would have `seen` a difference.
    """
    severity = ERROR if seen else WARNING
    return Finding("EXPORT-LOST", severity, subject, message, look=look)
