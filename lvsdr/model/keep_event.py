"""What a keeper tells of the host that it keeps, event by event."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from lvsdr.model.change import Change
from lvsdr.model.late_dataclasses import dataclass

KeepKind = Literal[
    "APPLIED",  # the host became what the profile says, at the start or at a reload
    "REPAIRED",  # what others have done was undone
    "ANNOUNCED",  # the segment was told of VIPs that are back
    "FIGHT",  # somebody undoes what is repaired: it is left for a while
    "PEACE",  # what was fought about has stayed
    "TAKEN",  # another host answers for a VIP: it is left to that one
    "REFUSED",  # the host cannot be kept
    "AGAIN",  # it can be kept again
    "RESTING",  # nothing is kept, and why
    "KEEPING",  # what is kept from now on
    "LEFT-OUT",  # more of the kind, which are not told one by one
]


@dataclass(frozen=True, slots=True)
class KeepEvent:
    """One thing that has come about; `severity` is notice, warning or error.

    `profile` is ROLE:NAME. `change` is what was done, or is left. `since` is when somebody undid
    it, or when it was last as it should be, where `exactly` is false. `who` did it, as far as that
    can be known. `look` is where to look, in words.
    """

    kind: KeepKind
    severity: str
    profile: str
    message: str
    change: Change | None = None
    since: datetime | None = None
    exactly: bool = False
    who: str = ""
    look: str = ""
