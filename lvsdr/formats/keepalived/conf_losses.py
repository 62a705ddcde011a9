"""What of keepalived.conf no profile can say: each thing told once, with the lines that have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.imported import lost
from lvsdr.model.printable import printable

# Words of a stranger's file; a message is a line.
LONGEST = 80
ALPHA = "real servers were out until a check passed; here they are in until one fails"
NOT_CALLED, NO_SNMP = "this program is not called", "there is no SNMP"
NO_MAIL = "smtp_alert: it sends no mail"
ON_CHANGE = 'write a program as "on_change" in the profile: it is told of each change'
LATER = "start lvsdr director keep before clients come"
OWN = 'write a program as its check: "check": {"command": ["/usr/local/bin/CHECK"]}'
LOST_OF_A_SERVER: Mapping[str, tuple[str, str]] = {
    "alpha": (ALPHA, LATER),
    "omega": ("nothing is called when lvsdr ends", ON_CHANGE),
    "hysteresis": ("there is no quorum to lose", 'see "sorry_server" and "when_all_fail"'),
    "quorum_up": (NOT_CALLED, ON_CHANGE),
    "quorum_down": (NOT_CALLED, ON_CHANGE),
    "ha_suspend": ("checks go on where the VIP is not here", "run lvsdr director keep --fifo"),
    "snmp_name": (NO_SNMP, "see lvsdr director status --format json"),
    "sorry_server_inhibit": (
        "the sorry server was in the table with weight 0; here it comes when it is needed",
        "nothing: clients see the same",
    ),
}


class Losses:
    """Collects what is lost; of lines that say the same the first one is told, and the last."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str], list[tuple[str, int]]] = {}

    def error(self, line: Block, meant: str, instead: str) -> None:
        """Tell of what clients would see: another service than the one that ran."""
        self._tell(line, meant, instead, ERROR)

    def warning(self, line: Block, meant: str, instead: str) -> None:
        """Tell of what bites later, or is a matter of operation."""
        self._tell(line, meant, instead, WARNING)

    def unknown(self, line: Block) -> None:
        """Tell of a keyword that does not belong there; of a block, keepalived reads on in it."""
        name = shown(line.name)
        if line.inner:
            self.error(
                line,
                f"{name} is no block that belongs here: keepalived passes over its brace, and"
                " takes what follows for something else",
                "remove it, and see: keepalived -t -f FILE",
            )
        else:
            self.warning(
                line,
                f"{name} means nothing here, and is left out",
                "look it up in keepalived.conf(5), and remove it where it is not there either",
            )

    def no_method(self, line: Block) -> None:
        """Tell of an lvs_method that is none."""
        self.warning(
            line,
            f"{shown(line.value)} is no forwarding method that keepalived takes: it goes on as if"
            " the line were not there",
            "write NAT, DR, or TUN with its options",
        )

    def findings(self) -> Iterator[Finding]:
        """Yield what was told, in the order of the lines."""
        files = {file: n for n, file in enumerate(place[0][0] for place in self._told.values())}
        in_order = sorted(
            self._told.items(), key=lambda told: (files[told[1][0][0]], told[1][0][1])
        )
        for (meant, *how), places in in_order:
            (file, number), others = places[0], places[1:]
            if others:
                last = f"{others[-1][0]}:{others[-1][1]}"
                many = f"do {len(others)} more lines, the last" if others[1:] else "does"
                yield lost(file, number, f"{meant} (so {many} {last})", *how)
            else:
                yield lost(file, number, meant, *how)

    def _tell(self, line: Block, meant: str, instead: str, severity: str) -> None:
        key = (printable(meant), instead, severity)
        places = self._told.setdefault(key, [])
        if not places or places[-1] != (line.file, line.line):
            places.append((line.file, line.line))


def shown(text: str) -> str:
    """Return words of the file, shortened."""
    text = printable(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
