"""What keepalived says of a file, line by line: how bad each is, and where it is.

`-t` ends with 5 for whatever it has to say, and goes on with nearly all of it, as a start does.
What is an error here was measured with 2.2.7, by a start: keepalived ends, or leaves out an
instance, a VIP or a virtual server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lvsdr.model.finding import ERROR, INFO, WARNING, Finding
from lvsdr.model.late_dataclasses import dataclass

AT_LINE = re.compile(r"\((?:(?P<file>[^()]*): )?Line (?P<line>\d+)\) (?P<said>.*)")
# keepalived does not start with these.
ENDS = re.compile(
    r"the virtual router id must be set|Unknown interface!|both use VRID|duplicate VRID"
    r"|is missing a parameter after keyword"
    r"|Unicast (?:peers are not supported in strict|instances must have)"
    r"|No VIP specified; at least one is required"
    r"|Static address .* requires either an interface"
)
"""Or it leaves out what these speak of."""
LEAVES_OUT = re.compile(
    r"VRRP parsed invalid IP"
    r"|Invalid virtual server (?:group )?IP address"
    r"|[Vv]irtual server .* (?:has no real servers|specified but not configured)"
    r"|vrrp instance \S+ already defined"
    r"|cannot use a loopback interface"
)
# What goes on as before, and only has a newer word.
INFORMS = re.compile(r"deprecated|obsolete|[Pp]lease (?:use|replace|update)|Truncating auth_pass")
NO_LINK = re.compile(
    r"interface (?P<link>\S+) for .* doesn't exist|tracked interface (?P<tracked>\S+) doesn't exist"
    r"|unknown interface (?P<watched>\S+) specified for|Non-existent interface specified"
)
# Told by findings of our own, with the line.
TOLD = re.compile("SECURITY VIOLATION")


def judged_lines(said: Iterable[str], file: str, look: str, *, here: bool) -> Iterator[Finding]:
    """Yield a finding for each line that `keepalived -t` has said of a file.

    `here`: this host's keepalived is to run with it, so that its links have to be there.
    """
    missing: dict[str, None] = {}
    for text in said:
        line = _Said.of(text, file)
        found = NO_LINK.search(line.text)
        if found:
            name = found["link"] or found["tracked"] or found["watched"]
            missing |= {name: None} if name else {}
        elif not TOLD.search(line.text):
            yield Finding("KEEPALIVED-SYNTAX", line.severity, file, str(line), look=look)
    if missing:
        names = ", ".join([*missing][:3]) + (f" and {len(missing) - 3} more" * (len(missing) > 3))
        text = f"{file}: this host has no link {names}: keepalived does not start on it"
        severity = ERROR if here else INFO
        yield Finding("KEEPALIVED-SYNTAX", severity, file, text, look="ip link")


@dataclass(frozen=True, slots=True)
class _Said:
    """A line of keepalived's, and the place in a file that it speaks of."""

    where: str
    text: str

    @classmethod
    def of(cls, text: str, file: str) -> _Said:
        text = text.removeprefix(f"{file}: ").strip()
        found = AT_LINE.fullmatch(text)
        if found is None:
            return cls(file, text)
        return cls(f"{found['file'] or file}:{found['line']}", found["said"].strip())

    def __str__(self) -> str:
        return f"{self.where}: keepalived -t: {self.text}"

    @property
    def severity(self) -> str:
        if ENDS.search(self.text) or LEAVES_OUT.search(self.text):
            return ERROR
        return INFO if INFORMS.search(self.text) else WARNING
