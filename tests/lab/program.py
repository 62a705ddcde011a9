"""The program, run in a host without paying for its imports each time.

They take two of its three seconds here. So each run is a fork, by multiprocessing's server, of a
process that has imported lvsdr and done nothing else: a process of its own, in the host's
network namespace, with its own arguments, output and exit code.
"""

from __future__ import annotations

import multiprocessing
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import lvsdr
from lvsdr.lab.lab_host import Host

PATIENCE = 60.0
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        __name__,
        "jsonschema",
        "pyroute2.iproute.linux",
        *(
            module.name
            for module in pkgutil.walk_packages(lvsdr.__path__, "lvsdr.")
            if not module.name.endswith("__main__")
        ),
        "frozen",
    ]
)


@dataclass(frozen=True, slots=True)
class Running:
    """The program while it runs."""

    arguments: tuple[str, ...]
    folder: Path
    process: ForkServerProcess

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
def running(host: Host, *arguments: str) -> Iterator[Running]:
    """Give the program as it runs in a host; it is killed at the end of the block."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stream in ("stdout", "stderr"):
            (folder / stream).touch()
        process = SERVER.Process(target=_program, args=(host.path, arguments, folder))
        process.start()
        try:
            yield Running(arguments, folder, process)
        finally:
            process.kill()
            process.join()


def run(host: Host, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a host; return what it printed and its exit code."""
    with running(host, *arguments) as program:
        return program.wait()


def _program(path: Path, arguments: tuple[str, ...], folder: Path) -> None:
    from lvsdr.cli.main import main
    from lvsdr.kernel import namespace

    for descriptor, stream in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / stream, os.O_WRONLY | os.O_CREAT), descriptor)
    namespace.enter(str(path))
    sys.argv = ["lvsdr", *arguments]
    main()
