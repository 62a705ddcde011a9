"""The profiles that files of another tool mean, and what no profile can say of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.printable import printable

Document = dict[str, Any]
"""A profile as its file has it: the fields in the schema's order, without those at a default."""

Labels = Mapping[IPAddress, str]

USUAL_LINK = "eth0"


@dataclass(frozen=True, slots=True)
class Unsaid:
    """What the caller says where the files of a tool cannot; "" where nobody has said it.

    The link of the director's VIPs, that of the real servers, and the name by which a host reads
    its lines (keepalived's config-id). `link_of` returns the link of this host on which addresses
    are, "" for none; `labels_of` the labels that this host has for those of them that it holds as
    host addresses on a link.
    """

    interface: str = ""
    realserver_interface: str = ""
    host: str = ""
    link_of: Callable[[Collection[IPAddress]], str] = lambda _: ""
    labels_of: Callable[[str, Collection[IPAddress]], Labels] = lambda *_: {}


@dataclass(frozen=True, slots=True)
class Imported:
    """The profiles that were found: the director's, and the real servers' by their file's stem.

    `findings` say what is wrong with what was read, and (IMPORT-LOST) what no profile can say.
    """

    director: Document | None
    realservers: Mapping[str, Document]
    findings: tuple[Finding, ...]

    @property
    def documents(self) -> dict[str, Document]:
        """Return every profile by the name of its file."""
        found = {} if self.director is None else {"director.json": self.director}
        return found | {f"{stem}.json": each for stem, each in self.realservers.items()}


def lost(file: str, line: int, meant: str, instead: str, severity: str = ERROR) -> Finding:
    """Return what is told of something that no profile can say, or that lvsdr does otherwise.

    `meant` says what it is and what it was for, `instead` what to do, in words. An error is what
    clients would see: another service than the one that ran. A warning bites later, or is a matter
    of operation.
    """
    place = f"{file}:{line}" if line else file
    return Finding("IMPORT-LOST", severity, place, f"{place}: {meant}", look=instead)


def refused(file: str, line: int, message: str, severity: str) -> Finding:
    """Return what is told of a line that the tool itself makes nothing of, and so no profile does.

    An error is where it reads no further.
    """
    place = f"{file}:{line}" if line else file
    look = "mend the line, or remove it: the tool does without it"
    return Finding("IMPORT-REFUSED", severity, place, printable(f"{place}: {message}"), look=look)


def noted(file: str, what: str, look: str, severity: str = WARNING) -> Finding:
    """Return what people have to know of a profile: what something was taken for, who else acts."""
    return Finding("IMPORT-NOTE", severity, file, printable(f"{file}: {what}"), look=look)
