"""The states that keepalived enters: `INSTANCE "VI_1" MASTER 100`, as arguments or as a line."""

from __future__ import annotations

import re

from lvsdr.errors import ProfileError
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.printable import printable

MASTER, FAULT, STOP = "MASTER", "FAULT", "STOP"
STATES = (MASTER, "BACKUP", FAULT, STOP, "DELETED")
LONGEST_NAME = 255
LINE = re.compile(r'(INSTANCE|GROUP) "([^"]*)" ([A-Z_]+)(?: (\d+))?')
# A line begins here, whatever stands before it.
BEGINNING = re.compile(r'(?:INSTANCE|GROUP) "')


@dataclass(frozen=True, slots=True)
class Notice:
    """An instance or a group of keepalived's has entered a state; `priority` is that of VRRP.

    `told_at` is when keepalived said so, in the kernel's clock ticks. What follows it is the
    ledger's: `number`, the how many-th it was written down, and whether it is `settled`.
    """

    type: str
    name: str
    state: str
    priority: int | None = None
    told_at: int = 0
    number: int = 0
    settled: bool = False

    @property
    def key(self) -> str:
        """Return what tells this instance or group from all others."""
        return f"{self.type} {self.name}"

    @property
    def is_master(self) -> bool:
        return self.state == MASTER

    def after(self, other: Notice) -> bool:
        """Return whether it was said, and heard of, after `other`: hooks overtake one another."""
        return self.number > other.number and self.told_at >= other.told_at

    def __str__(self) -> str:
        return f"{self.type} {self.name} {self.state}"


def checked(notice: Notice) -> Notice:
    """Return `notice`; raise ProfileError where its name is none: it is hostile input."""
    name = notice.name
    if not 1 <= len(name) <= LONGEST_NAME or printable(name) != name:
        raise ProfileError(
            f"cannot take the name {printable(name[:40])!r}: it is not 1 to {LONGEST_NAME}"
            " characters that can be printed",
            hints=["give the vrrp_instance another name in keepalived.conf"],
        )
    return notice


def notice_from_line(line: str) -> Notice | None:
    """Return the notice that a line of the FIFO is; None for one of something else.

    Else is what virtual servers say (`VS ...`, `RS ...`), and that a master heard of a lower
    priority, which is no state. What a writer that died has left of a line may stand before it.
    Raises ProfileError for a name that is none.
    """
    match = LINE.fullmatch(line) or LINE.fullmatch(_last_begun(line))
    if match is None or match[3] not in STATES:
        return None
    priority = None if match[4] is None else int(match[4][:9])
    return checked(Notice(match[1], match[2], match[3], priority))


def _last_begun(line: str) -> str:
    begun = [match.start() for match in BEGINNING.finditer(line)]
    return line[begun[-1] :] if begun else ""
