"""Fifty requests a second, by a program of its own: how many were sent, lost, and slow."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from rig import RIPS, VIP, settled

from lvsdr.lab.lab_host import Host

PROGRAM = Path(__file__).with_name("steady_client.py")
EVERY, EVERY_OTHER = 0.02, 0.1
# Less than the second after which TCP sends its first packet again.
SLOW = 0.5
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request: when it was sent (CLOCK_MONOTONIC), how many seconds it took, how it went."""

    sent: float
    took: float
    outcome: str

    def overlaps(self, other: Request) -> bool:
        """Return whether both were under way at one time."""
        return self.sent < other.sent + other.took and other.sent < self.sent + self.took


@dataclass(frozen=True, slots=True)
class Count:
    """What became of the requests of a time; `why` says how those were lost that were.

    `held_up` are late, and so was at that time who asks a real server by its RIP: it was the
    machine that all of the lab shares.
    """

    sent: int
    lost: int
    slow: int
    held_up: int = 0
    why: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        why = ", ".join(f"{number} {word}" for word, number in self.why)
        late = f", {self.held_up} held up by the machine" if self.held_up else ""
        return f"{self.sent} sent, {self.lost} lost, {self.slow} slow{late}{why and f' ({why})'}"


@dataclass(slots=True)
class Traffic:
    """The requests of a client that asks for the VIP all the time, and of one that asks a RIP."""

    output: Path
    beside: Path

    def requests(self) -> list[Request]:
        """Return those for the VIP that have come to their end."""
        return _read(self.output)

    def well(self, number: int = 25, seconds: float = PATIENCE) -> float:
        """Wait until so many requests in a row are answered in time; return the time."""
        begun = len(self.requests())

        def answered() -> bool:
            last = self.requests()[begun:][-number:]
            good = [each for each in last if each.outcome == "ok" and each.took < SLOW]
            return len(good) == number

        assert settled(answered, True, seconds, 0.1), count(self.requests()[begun:])
        return monotonic()

    def between(self, start: float, end: float) -> Count:
        """Return the count of what was sent in a span of time."""
        sent = [each for each in self.requests() if start <= each.sent < end]
        return count(sent, _read(self.beside))


def count(requests: list[Request], beside: list[Request] | None = None) -> Count:
    """Return how many of the requests were lost, and how many were answered late."""
    lost = Counter(each.outcome for each in requests if each.outcome != "ok")
    late = [each for each in requests if each.outcome == "ok" and each.took > SLOW]
    stood = [each for each in beside or [] if each.took > SLOW / 2]
    held_up = sum(any(each.overlaps(other) for other in stood) for each in late)
    why = tuple(sorted(lost.items()))
    return Count(len(requests), lost.total(), len(late) - held_up, held_up, why)


def _read(output: Path) -> list[Request]:
    text = output.read_text()
    whole = text[: text.rfind("\n") + 1]
    rows = (line.split() for line in whole.splitlines())
    return [Request(float(sent), float(took), outcome) for sent, took, outcome in rows]


@contextmanager
def steady(
    client: Host, folder: Path, vip: str = VIP, port: int = 80, every: float = EVERY
) -> Iterator[Traffic]:
    """Ask for a service all the time inside the block, and wait for what is under way."""
    files = {vip: folder / "requests", RIPS[0]: folder / "requests-beside"}
    with ExitStack() as stack:
        for (address, file), each in zip(files.items(), (every, EVERY_OTHER), strict=True):
            stack.enter_context(_asking(client, file, address, str(port), str(each)))
        yield Traffic(*files.values())


@contextmanager
def _asking(client: Host, file: Path, *words: str) -> Iterator[None]:
    enter = ["nsenter", f"--net={client.path}", "--", sys.executable, "-I", str(PROGRAM)]
    with file.open("w") as writing:
        asking = subprocess.Popen([*enter, *words], stdin=subprocess.PIPE, stdout=writing)
    try:
        yield
    finally:
        assert asking.stdin is not None
        asking.stdin.close()
        asking.wait(PATIENCE)
