"""No hint does harm: each fault, its hint typed as it is printed, and every request counted."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from shutil import copy
from time import monotonic

import program
import pytest
from counted import Client, Span, asking
from hint_faults import ROWS, Row
from rig import (
    RIP6,
    RIPS,
    VIP,
    VIP6,
    Document,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settled,
    virtual_server,
)

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving

SAMPLE = [("VIP-ON-LINK", "realserver"), ("VIP-ELSEWHERE", "director"), ("DRIFT", "director")]
# One of each, for `make test`: the ones that lost requests, by the order of their commands.
CHOSEN = ROWS if os.environ.get("LVSDR_TORTURE") else [
    next(each for each in ROWS if (each.fault.rule, each.seen_from) == one) for one in SAMPLE
]  # fmt: skip
# So many requests of each client are looked at before, during and after.
ENOUGH = 15


@dataclass(slots=True)
class Street:
    """The cluster under the traffic of two clients: one beyond the gateway, one on the segment."""

    made: Rig
    clients: list[Client]

    def host(self, name: str) -> Host:
        """Return a host by what a row or a finding calls it."""
        lab = self.made.lab
        known = {"director": lab.director, "the director": lab.director, "observer": lab.observer}
        known |= dict(zip(RIPS, lab.realservers, strict=False))
        return known.get(name, lab.realservers[0])

    def verified(self, place: str) -> list[Document]:
        """Return what verify finds from a place."""
        words = {
            "realserver": ("realserver", "verify", str(self.made.realserver)),
            "director": ("director", "verify", str(self.made.director), "--seconds", "0.3"),
            "observer": ("verify", str(self.made.director), "--seconds", "0.3"),
        }
        done = program.run(self.host(place), *words[place], "--format", "json")
        assert done.returncode in (0, 1), done.stderr
        findings: list[Document] = json.loads(done.stdout)["findings"]
        return findings

    def shell(self, place: str, script: str) -> None:
        """Run commands in a host; APPLY applies the real server's profile."""
        for part in re.split(r"; ?(APPLY)|(?<!\w)(APPLY)", script):
            if part == "APPLY":
                lvsdr(self.host(place), "realserver", "apply", self.made.realserver)
            elif part:
                self.host(place).run("sh", "-c", part)

    def type(self, place: str, hint: str) -> None:
        """Type a hint: the shell's commands by the shell, lvsdr's own without its start-up."""
        host = self.host(place)
        host.run("sh", "-n", "-c", hint)
        for steps in hint.split("; "):
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


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Two real servers on IPv4 and one on IPv6, all applied, and asked all the time."""
    wanted = director(virtual_server(scheduler="rr"), virtual_server(VIP6, [RIP6]))
    folder = tmp_path_factory.mktemp("hints")
    with rig(folder, wanted, realserver(vips=[VIP, VIP6])) as made, ExitStack() as stack:
        made.apply()
        # Where a hint for another host finds them.
        Path("/etc/lvsdr").mkdir(exist_ok=True)
        for each in (made.director, made.realserver):
            copy(each, "/etc/lvsdr")
        for host in made.lab.realservers:
            stack.enter_context(serving(host, made.services[:1]))
        hosts = (made.lab.client, made.lab.observer)
        yield Street(made, stack.enter_context(asking(hosts, VIP)))


@pytest.mark.parametrize("row", CHOSEN, ids=str)
def test_a_hint_mends_and_loses_no_request(
    street: Street, row: Row, record_property: Callable[[str, object], None]
) -> None:
    fault = row.fault
    assert settled(street.is_well, True, 20)

    times = [monotonic()]
    street.shell(fault.place, fault.make)
    street.enough()
    found = named(street.verified(row.seen_from), row)
    times.append(monotonic())
    for on, hint in dict.fromkeys((each["on"], each["hint"]) for each in found if each["hint"]):
        street.type(on or row.seen_from, hint)
    times.append(street.enough())
    left = named(street.verified(row.seen_from), row)
    times.append(street.enough())
    undone(street, row)

    spans = [[each.span(start, end) for start, end in pairwise(times)] for each in street.clients]
    record_property("hint", line(row, found, spans))
    assert found
    assert all(bool(each["hint"]) is row.typed for each in found)
    assert all(each["hint"] or each["look"] for each in found)
    if row.typed:
        assert len(left) < len(found)
        assert [worse(each) for each in spans] == [""] * len(spans)


def line(row: Row, found: list[Document], spans: list[list[Span]]) -> str:
    """Return a line of the table: finding, hint, and the requests lost before, during and after."""
    told = found[0] if found else {}
    place = f"on {told.get('on')}: " if told.get("on") else ""
    said = told.get("hint") or f"look: {told.get('look')}"
    each_of = ("client", "segment")
    counted = (
        f"{name} " + " / ".join(map(str, each)) for name, each in zip(each_of, spans, strict=True)
    )
    return " | ".join((row.fault.rule, row.seen_from, row.fault.make, place + said, *counted))


def undone(street: Street, row: Row) -> None:
    """Take the fault back, and what its hint has left of it."""
    if not row.typed and row.fault.instead:
        street.shell(row.fault.place, row.fault.instead)
    street.shell(row.fault.place, row.fault.undo)


def named(found: list[Document], row: Row) -> list[Document]:
    """Return the findings of a row's rule."""
    return [each for each in found if each["rule"] == row.fault.rule]


def worse(spans: list[Span]) -> str:
    """Return whether a client lost more than before: of those who were served nothing."""
    before, *later = spans
    return "".join(f"{span} after {before}; " for span in later if span.rate > before.rate)
