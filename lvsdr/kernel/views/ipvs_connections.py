"""IPVS's connections, counted as they are read: /proc/net/ip_vs_conn may have a million lines.

Before Linux 6.14 the kernel begins anew at each page that is read, so that a large table takes time
that grows with its square. Reading ends after some seconds in any case: the order is that of hashes
over the clients' addresses and ports, so that any first part is a fair sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from io import RawIOBase
from pathlib import Path
from time import monotonic

from lvsdr.kernel.kernel_errors import reading
from lvsdr.kernel.views.connection_lines import (
    Form,
    address_in,
    beginnings,
    by_form,
    start_of,
)
from lvsdr.model.client_connections import (
    SETTLED,
    ClientTally,
    ConnectionQuestion,
    ConnectionsSeen,
    Conversation,
    Found,
    Way,
)
from lvsdr.model.late_dataclasses import dataclass, field

# Of the thread, which may be in another network namespace than the process.
_TABLE = Path("/proc/thread-self/net/ip_vs_conn")
_PAGE, _PAGES = 1 << 12, 16
# What is kept in mind of a connection takes up to 400 bytes.
_MOST = 250_000
# So many connections have their clients looked at one by one, then one of a few.
_FEW, _STEP = 10_000, 16
# How many clients of each kind are kept in mind, on each way.
_SOME = 32
_MINUTE = 60

# States of what is no connection: a client that will be sent to the same real server again.
_TEMPLATES = {b"NONE", b"ASSURED"}
_UNANSWERED = b"SYN_RECV"
# Of these something came after the first packet. CLOSE is left out: a probe that was not answered
# ends in it as well as one that was.
_ANSWERED = {b"ESTABLISHED", b"FIN_WAIT", b"TIME_WAIT", b"CLOSE_WAIT", b"LAST_ACK"}
# Seconds that each state lasts (tcp_timeouts in net/netfilter/ipvs/ip_vs_proto_tcp.c).
_LASTS = {
    b"ESTABLISHED": 900,
    b"SYN_SENT": 120,
    b"SYN_RECV": 60,
    b"FIN_WAIT": 120,
    b"TIME_WAIT": 120,
    b"CLOSE": 10,
    b"CLOSE_WAIT": 60,
    b"LAST_ACK": 30,
    b"UDP": 300,
}
# The states whose time can be set, by the name of the timeout.
_SETTABLE = {"tcp": b"ESTABLISHED", "tcp_fin": b"FIN_WAIT", "udp": b"UDP"}

Group = tuple[Form, bool]
"""The form of lines, and whether their clients are beyond the segment."""
RawWay = tuple[bytes, bytes, bytes, bytes, bytes, bool]
"""A way as the lines have it: protocol, service and port, real server and port, from beyond."""


@dataclass(slots=True)
class _Tally:
    all: int = 0
    answered: int = 0
    recent: int = 0
    last_answer: int | None = None
    unanswered: dict[int, int] = field(default_factory=dict)
    askers: set[bytes] = field(default_factory=set)
    served: set[bytes] = field(default_factory=set)


def connections(
    question: ConnectionQuestion, timeouts: Mapping[str, int], table: Path = _TABLE
) -> ConnectionsSeen:
    """Return what the connections say of clients; a kernel without IPVS has none.

    `timeouts` are those that can be set, in seconds: tcp, tcp_fin, udp.
    """
    lasts = _LASTS | {_SETTABLE[name]: seconds for name, seconds in timeouts.items()}
    reader, deadline = _Reader(question, lasts), monotonic() + question.seconds
    with reading("the connections of IPVS"):
        try:
            opened = table.open("rb", buffering=0)
        except FileNotFoundError:
            return ConnectionsSeen()
        with opened as file:
            for lines in _lines(file):
                reader.take(lines)
                if monotonic() > deadline or reader.looked_at > _MOST:
                    return reader.seen(complete=False)
    return reader.seen(complete=True)


def _lines(file: RawIOBase) -> Iterator[Sequence[bytes]]:
    """Yield the lines of the table, many at a time; the kernel gives a page at each read."""
    pieces: list[bytes] = []
    while piece := file.read(_PAGE):
        pieces.append(piece)
        if len(pieces) > _PAGES:
            *lines, rest = b"".join(pieces).split(b"\n")
            yield lines
            pieces = [rest]
    yield b"".join(pieces).split(b"\n")


class _Reader:
    """Counts lines of the table, by the way that each connection takes.

    A line costs no more than a few slices: those that are alike but for the client are counted as
    one, and only then their numbers are looked at.
    """

    def __init__(self, question: ConnectionQuestion, lasts: Mapping[bytes, int]) -> None:
        self._question, self._lasts = question, lasts
        self._near = {version: beginnings(question.near, version) for version in (4, 6)}
        self._clients = {version: beginnings(question.clients, version) for version in (4, 6)}
        self._sought = {start_of(each): each for each in question.sought}
        self._alike: dict[Group, Counter[bytes]] = {}
        self._clients_of: dict[Group, dict[bytes, set[bytes]]] = {}
        self._found: dict[Conversation, Found] = {}
        self.looked_at = 0

    def take(self, lines: Sequence[bytes]) -> None:
        """Count some lines."""
        for form, mine in by_form(lines):
            self.looked_at += len(mine)
            if self._sought:
                self._compare(mine, form)
            near, at = self._near[form.version], form.start
            here = [line for line in mine if line.startswith(near, at)] if near else []
            beyond = [line for line in mine if not line.startswith(near, at)] if here else mine
            if self._question.clients:
                clients = self._clients[form.version]
                beyond = [line for line in beyond if line.startswith(clients, at)]
            self._count((form, False), here)
            self._count((form, True), beyond)

    def _count(self, group: Group, lines: Sequence[bytes]) -> None:
        _, _, start, client, port, _, end = group[0]
        alike = [line[port:end] for line in lines]
        self._alike.setdefault(group, Counter()).update(alike)
        step = 1 if self.looked_at < _FEW else _STEP
        clients_of = self._clients_of.setdefault(group, {})
        for text, line in zip(alike[::step], lines[::step], strict=True):
            clients = clients_of.setdefault(text, set())
            if len(clients) < _SOME:
                clients.add(line[start:client])

    def _compare(self, lines: Sequence[bytes], form: Form) -> None:
        sought = self._sought
        for line in [line for line in lines if line[: form.service] in sought]:
            rip, _, state, left = line[form.service : form.end].split()
            age = self._age(state, int(left))
            self._found[sought[line[: form.service]]] = Found(address_in(rip), state.decode(), age)

    def _age(self, state: bytes, left: int) -> int:
        return max(0, self._lasts.get(state, 0) - left)

    def seen(self, complete: bool) -> ConnectionsSeen:
        """Return what was counted; templates are no connections."""
        tallies: dict[RawWay, _Tally] = {}
        for group, counted in self._alike.items():
            (form, beyond), clients_of = group, self._clients_of[group]
            for text, number in counted.items():
                vip, port, rip, real_port, state, left = text.split()
                if state in _TEMPLATES:
                    self.looked_at -= number
                    continue
                way = (form.protocol, vip, port, rip, real_port, beyond)
                if (tally := tallies.get(way)) is None:
                    tally = tallies[way] = _Tally()
                clients = clients_of.get(text, set())
                _add(tally, state, self._age(state, int(left)), number, clients)
        finished = {_way(raw): _finished(tally) for raw, tally in tallies.items()}
        return ConnectionsSeen(finished, self._found, self.looked_at, complete)


def _add(tally: _Tally, state: bytes, age: int, number: int, clients: set[bytes]) -> None:
    tally.all += number
    if state == _UNANSWERED and age >= SETTLED:
        tally.unanswered[age] = tally.unanswered.get(age, 0) + number
        if len(tally.askers) < _SOME:
            tally.askers |= clients
    elif state in _ANSWERED:
        tally.answered += number
        tally.recent += number if age < _MINUTE else 0
        last = tally.last_answer
        tally.last_answer = age if last is None else min(last, age)
        if len(tally.served) < _SOME:
            tally.served |= clients


def _finished(tally: _Tally) -> ClientTally:
    return ClientTally(
        tally.all,
        tally.answered,
        tally.recent,
        tally.last_answer,
        tally.unanswered,
        frozenset(map(address_in, tally.askers)),
        frozenset(map(address_in, tally.served)),
    )


def _way(raw: RawWay) -> Way:
    protocol, vip, port, rip, real_port, beyond = raw
    ends = address_in(vip), int(port, 16), address_in(rip), int(real_port, 16)
    return Way(protocol.decode().lower(), *ends, beyond)
