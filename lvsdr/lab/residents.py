"""Programs that stay, as they run in a host of the lab: a keeper, keepalived."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from lvsdr.lab.lab_host import Host
from lvsdr.model.late_dataclasses import dataclass

# How long to wait for a program to be ready, or to end, in seconds.
PATIENCE = 30.0


@dataclass(slots=True)
class Resident:
    """A program that runs in a host; whatever it says goes to `file`."""

    process: subprocess.Popen[bytes]
    file: Path
    _told: int = 0

    def news(self) -> tuple[str, ...]:
        """Return the lines that it has said since this was called last."""
        lines = self.said().splitlines()
        new, self._told = lines[self._told :], len(lines)
        return tuple(new)

    def said(self) -> str:
        """Return all that it has said."""
        return self.file.read_text(encoding="utf-8", errors="replace")

    def until(self, ready: Callable[[], bool]) -> bool:
        """Wait until it is `ready`, and return whether it is; not for ever, nor for a dead one."""
        deadline = monotonic() + PATIENCE
        while not ready():
            if self.process.poll() is not None or monotonic() > deadline:
                return ready()
            sleep(0.02)
        return True

    def end(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@contextmanager
def staying(host: Host, *words: str) -> Iterator[Resident]:
    """Run a program in a host inside the block; at its end the program is asked to end as well."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "said"
        with file.open("wb") as out:
            process = host.inside(
                lambda: subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
                )
            )
        resident = Resident(process, file)
        try:
            yield resident
        finally:
            resident.end()
