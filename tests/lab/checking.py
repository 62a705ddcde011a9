"""What the tests of checkers share: run one in a host, and read what it says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from select import POLLIN, poll
from time import monotonic
from typing import Any, Protocol

from rig import VIP, Rig

from lvsdr.lab.lab_host import Host
from lvsdr.model.address import IPAddress
from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import CheckResult
from lvsdr.model.ipvs import Service
from lvsdr.model.path import Path, RealServerRoute

# Of the director, as rig makes it.
DIP, DIP6 = "192.168.1.1", "fd00::1"
PATIENCE = 20.0


class Checker(Protocol):
    """What every checker can do."""

    def begin(self, numbers: Sequence[int], now: float, *, doubtful: Sequence[int]) -> None: ...
    def results(self, now: float) -> Sequence[CheckResult]: ...
    def due(self) -> float | None: ...
    def filenos(self) -> Sequence[int]: ...
    def close(self) -> None: ...


def path_to(
    rip: str, vip: str = VIP, port: int = 80, protocol: str = "tcp", method: str = "dr"
) -> Path:
    """Return the path of a service to one real server."""
    address = ip_address(vip)
    family = "inet" if address.version == 4 else "inet6"
    service = Service(protocol, address, port, 0, family)
    return Path(service, address, ip_address(rip), port, method)


def checked(
    number: int,
    path: Path,
    own: tuple[str, str] = (DIP, DIP6),
    next_hop: str | None = None,
    **fields: Any,
) -> CheckedPath:
    """Return the check of a real server by eth0; `own` are the director's addresses."""
    mine: dict[int, IPAddress] = {address.version: address for address in map(ip_address, own)}
    version = path.rip.version
    hop = path.rip if next_hop is None else ip_address(next_hop)
    route = RealServerRoute(path.rip, "eth0", hop, mine[version], mine[10 - version], 1500)
    return CheckedPath(number, path, route, **fields)


def own_addresses(made: Rig) -> tuple[str, str]:
    """Return the director's own addresses."""
    director = made.lab.topology.director
    return str(director.address(4)), str(director.address(6))


@dataclass
class Seen:
    """The results so far, and how the checker was while they came; `pause` stops new checks."""

    results: list[CheckResult] = field(default_factory=list)
    deaf: list[bool] = field(default_factory=list)
    stop: bool = False

    def of(self, number: int, since: int = 0) -> list[CheckResult]:
        """Return the results of one real server, the first `since` results of all left out."""
        return [each for each in self.results[since:] if each.number == number]

    def twice(self) -> list[int]:
        """Return who failed twice in a row."""
        last: dict[int, bool] = {}
        found = []
        for each in self.results:
            if not each.ok and not last.get(each.number, True):
                found.append(each.number)
            last[each.number] = each.ok
        return found


def keep_checking(
    checker: Checker, numbers: Iterable[int], interval: float, seen: Seen, until: float
) -> None:
    """Check each of `numbers` once an interval until told to stop, as the keeper does."""
    due = dict.fromkeys(numbers, monotonic())
    doubtful: set[int] = set()
    while not seen.stop and (now := monotonic()) < until:
        begun = [number for number, when in due.items() if when <= now]
        due.update(dict.fromkeys(begun, now + interval))
        if begun:
            checker.begin(begun, now, doubtful=tuple(doubtful))
        for each in checker.results(monotonic()):
            seen.results.append(each)
            (doubtful.discard if each.ok else doubtful.add)(each.number)
            if not each.ok:
                due[each.number] = min(due[each.number], now + interval / 2)
        seen.deaf.append(bool(getattr(checker, "deaf", False)))
        waiting = poll()
        for number in checker.filenos():
            waiting.register(number, POLLIN)
        left = min(checker.due() or now + 0.1, *due.values()) - monotonic()
        waiting.poll(max(0.001, min(0.1, left)) * 1000)


@contextmanager
def checking(
    host: Host,
    make: Callable[[], Checker],
    numbers: Iterable[int],
    *,
    interval: float = 0.3,
    seconds: float = 300.0,
) -> Iterator[Seen]:
    """Check from a host all the time, inside the block; raise what the checker raises."""
    seen, ready = Seen(), threading.Event()

    def work() -> None:
        checker = make()
        ready.set()
        try:
            keep_checking(checker, tuple(numbers), interval, seen, monotonic() + seconds)
        finally:
            checker.close()

    done = host.start(work)
    while not ready.wait(0.05) and not done.done():
        pass
    try:
        yield seen
    finally:
        seen.stop = True
        done.result(PATIENCE)


def next_of(seen: Seen, number: int, *, seconds: float = 8.0) -> CheckResult:
    """Return a result of a check that was begun after this was called."""
    known, deadline = len(seen.results), monotonic() + seconds
    while monotonic() < deadline:
        found = seen.of(number, known)
        if len(found) >= 2:
            return found[1]
        threading.Event().wait(0.02)
    raise AssertionError(f"no result of {number} within {seconds} s")
