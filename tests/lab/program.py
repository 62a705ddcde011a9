"""The program, run in a host without paying for its imports each time.

They take two of its three seconds here. So each run is a fork of a process that has imported lvsdr
and done nothing else: a process of its own, in the host's network namespace, with its own
arguments, output and exit code. SERVER does the same for functions.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import forks

from lvsdr.lab.lab_host import Host

PATIENCE = 60.0
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["contiguous", __name__, *forks.MODULES, "frozen"])


@dataclass(frozen=True, slots=True)
class Running:
    """The program while it runs."""

    arguments: tuple[str, ...]
    folder: Path
    process: forks.Fork

    def said(self, stream: str = "stdout") -> str:
        """Return what it has printed so far."""
        return (self.folder / stream).read_text(encoding="utf-8")

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Return what it printed and its exit code, once it has ended."""
        self.process.join(PATIENCE)
        code = self.process.exitcode
        assert code is not None, f"lvsdr {' '.join(self.arguments)}: no end in sight"
        return subprocess.CompletedProcess(
            self.arguments, code, self.said("stdout"), self.said("stderr")
        )


@contextmanager
def running(host: Host, *arguments: str, mounts: Path | None = None) -> Iterator[Running]:
    """Give the program as it runs in a host; it is killed at the end of the block.

    With `mounts`, a mount namespace, it sees the files that are there.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stream in ("stdout", "stderr"):
            (folder / stream).touch()
        process = forks.fork(host.path, arguments, folder, mounts)
        try:
            yield Running(arguments, folder, process)
        finally:
            process.kill()
            process.join()


def run(host: Host, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a host; return what it printed and its exit code."""
    with running(host, *arguments) as program:
        return program.wait()
