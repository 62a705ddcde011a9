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
from pathlib import Path

import lvsdr
from lvsdr.lab.host import Host

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
    ]
)


def run(host: Host, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a host; return what it printed and its exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = SERVER.Process(target=_program, args=(host.path, arguments, folder))
        process.start()
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"{host.name}: lvsdr {' '.join(arguments)}: no end in sight")
        said = ((folder / stream).read_text(encoding="utf-8") for stream in ("stdout", "stderr"))
        return subprocess.CompletedProcess(arguments, process.exitcode, *said)


def _program(path: Path, arguments: tuple[str, ...], folder: Path) -> None:
    from lvsdr.cli.main import main
    from lvsdr.kernel import namespace

    for descriptor, stream in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / stream, os.O_WRONLY | os.O_CREAT), descriptor)
    namespace.enter(str(path))
    sys.argv = ["lvsdr", *arguments]
    main()
