"""A cluster under the traffic of clients, in which a hint is typed as it is printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from time import monotonic

import program
from counted import Client, Span
from hint_faults import Row
from rig import Document, settled

from lvsdr.lab.lab_host import Host

# So many requests of each client are looked at before, during and after.
ENOUGH = 15
Write = Callable[[str, object], None]


@dataclass(slots=True)
class Street:
    """Hosts by what rows and findings call them, and who asks there all the time.

    `words` are those by which lvsdr is asked from a place for what is wrong.
    """

    hosts: Mapping[str, Host]
    words: Mapping[str, tuple[str, ...]]
    clients: list[Client]

    def verified(self, place: str) -> list[Document]:
        """Return what verify finds from a place."""
        done = program.run(self.hosts[place], *self.words[place], "--format", "json")
        assert done.returncode in (0, 1), done.stderr
        findings: list[Document] = json.loads(done.stdout)["findings"]
        return findings

    def type(self, place: str, line: str) -> None:
        """Type a line: the shell's commands by the shell, lvsdr's own without its start-up."""
        host = self.hosts[place]
        host.run("sh", "-n", "-c", line)
        for steps in line.split("; "):
            for command in steps.split(" && "):
                if command.startswith("lvsdr "):
                    code = program.run(host, *command.split()[1:]).returncode
                else:
                    code = host.run("sh", "-c", command, check=False).returncode
                if code:
                    break

    def enough(self) -> float:
        """Wait for more requests of each client; return the time."""
        for each in self.clients:
            each.more(ENOUGH)
        return monotonic()

    def is_well(self) -> bool:
        """Return whether every request of each client is served."""
        start = monotonic()
        end = self.enough()
        return not any(each.span(start, end).lost for each in self.clients)


def hold(street: Street, row: Row, write: Write) -> None:
    """Hold that a fault is named, and that its hint mends it and loses no request."""
    fault = row.fault
    assert settled(street.is_well, True, 20)

    times = [monotonic()]
    street.hosts[fault.place].run("sh", "-c", fault.make)
    street.enough()
    found = named(street.verified(row.seen_from), row)
    times.append(monotonic())
    for on, hint in dict.fromkeys((each["on"], each["hint"]) for each in found if each["hint"]):
        street.type(on or row.seen_from, hint)
    times.append(street.enough())
    left = named(street.verified(row.seen_from), row)
    times.append(street.enough())
    if not row.typed and fault.instead:
        street.type(fault.place, fault.instead)
    street.hosts[fault.place].run("sh", "-c", fault.undo)

    spans = [[each.span(start, end) for start, end in pairwise(times)] for each in street.clients]
    write("hint", line(row, found, street.clients, spans))
    assert found
    assert all(bool(each["hint"]) is row.typed for each in found)
    assert all(each["hint"] or each["look"] for each in found)
    if row.typed:
        assert len(left) < len(found)
        assert [worse(each) for each in spans] == [""] * len(spans)


def line(row: Row, found: list[Document], clients: list[Client], spans: list[list[Span]]) -> str:
    """Return a line of the table: finding, hint, and the requests lost before, during and after."""
    told = found[0] if found else {}
    place = f"on {told.get('on')}: " if told.get("on") else ""
    said = told.get("hint") or f"look: {told.get('look')}"
    counted = (
        f"{each.name} " + " / ".join(map(str, lost))
        for each, lost in zip(clients, spans, strict=True)
    )
    return " | ".join((row.fault.rule, row.seen_from, row.fault.make, place + said, *counted))


def named(found: list[Document], row: Row) -> list[Document]:
    """Return the findings of a row's rule."""
    return [each for each in found if each["rule"] == row.fault.rule]


def worse(spans: list[Span]) -> str:
    """Return whether a client lost more than before: of those who were served nothing."""
    before, *later = spans
    return "".join(f"{span} after {before}; " for span in later if span.rate > before.rate)
