"""What keepalived's checks say of virtual and real servers: exported to a file, and read there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable

from lvsdr.core.book import Book
from lvsdr.core.durable_file import remove_file, replace_file
from lvsdr.keepalived.ledger import locked_file
from lvsdr.model.late_dataclasses import asdict, dataclass
from lvsdr.model.printable import printable

FORMAT = "lvsdr/health/1"
# As keepalived writes them: `VS [VIP]:tcp:80 UP`, `RS [RIP]:tcp:80 [VIP]:tcp:80 DOWN`.
LINE = re.compile(r"(?:VS|RS (?P<real>\S{1,255})) (?P<virtual>\S{1,255}) (?P<state>UP|DOWN)")
# What others write into the FIFO must not fill the memory.
MOST = 65536


@dataclass(frozen=True, slots=True)
class Server:
    """A virtual server, or one of its real servers, in keepalived's words; `since` is time(2)."""

    virtual_server: str
    real_server: str | None
    state: str
    since: int

    @property
    def key(self) -> tuple[str, str | None]:
        return self.virtual_server, self.real_server


def server_from_line(line: str) -> Server | None:
    """Return the server that a line of the FIFO speaks of; None for one of something else."""
    match = LINE.fullmatch(line)
    if match is None or printable(line) != line:
        return None
    return Server(match["virtual"], match["real"], match["state"], int(time.time()))


class Health:
    """The last that was said of each server, in a file beside the record of the namespace."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.path = book.root / f"{book.namespace}.health"

    def write_down(self, servers: Iterable[Server]) -> None:
        """Write down what is said of `servers`."""
        told = list(servers)
        if told:
            with locked_file(self._book, self.path):
                known = {each.key: each for each in self.servers()}
                for each in told:
                    before = known.pop(each.key, None)
                    same = before is not None and before.state == each.state
                    known[each.key] = before if before is not None and same else each
                newest = list(known.values())[-MOST:]
                plain = {"format": FORMAT, "servers": list(map(asdict, newest))}
                replace_file(self.path, [json.dumps(plain)])

    def forget(self) -> None:
        """Remove it: what keepalived no longer checks nobody knows."""
        with locked_file(self._book, self.path):
            remove_file(self.path)

    def servers(self) -> tuple[Server, ...]:
        """Return what was said last of each."""
        try:
            plain = json.loads(self.path.read_bytes())
            if plain["format"] == FORMAT:
                return tuple(Server(**each) for each in plain["servers"])
        except (OSError, ValueError, TypeError, LookupError):
            # None has been told of, or nobody can read it: keepalived says it again.
            pass
        return ()
