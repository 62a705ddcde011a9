"""A process that has imported lvsdr and forks, once for each run of the program.

multiprocessing's own server does the same in more than twice the time, which is what half of the
lab's tests would wait for.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import lvsdr

CLONE_NEWNS = 0x00020000
# What a request or an answer takes at most.
LARGEST = 1 << 17
START = "import sys; sys.path[:] = {path!r}; import forks; forks.serve({number})"
# Beside lvsdr's own modules, what they import when they are called.
MODULES = (
    "jsonschema",
    "pyroute2.iproute.linux",
    *(
        module.name
        for module in pkgutil.walk_packages(lvsdr.__path__, "lvsdr.")
        if not module.name.endswith("__main__")
    ),
)


@dataclass(slots=True)
class Fork:
    """A running program; its exit code is None until it has ended and was waited for."""

    pid: int
    answers: socket.socket
    exitcode: int | None = None

    def join(self, seconds: float | None = None) -> None:
        """Wait until it has ended, at most so long."""
        if self.exitcode is None and select.select([self.answers], [], [], seconds)[0]:
            self.exitcode = os.waitstatus_to_exitcode(int(self.answers.recv(LARGEST)))
            self.answers.close()

    def is_alive(self) -> bool:
        """Return whether it has not ended."""
        self.join(0)
        return self.exitcode is None

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        if self.is_alive():
            os.kill(self.pid, signal.SIGKILL)


def fork(
    namespace: Path, arguments: Sequence[str], folder: Path, mounts: Path | None = None
) -> Fork:
    """Run the program in a network namespace; what it prints is in `folder`, stdout and stderr.

    With `mounts`, a mount namespace, it sees the files that are there.
    """
    answers = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    answers.connect(_server())
    places = {"namespace": str(namespace), "folder": str(folder), "mounts": str(mounts or "")}
    wanted = {**places, "arguments": arguments}
    answers.send(json.dumps(wanted).encode())
    return Fork(int(answers.recv(LARGEST)), answers)


@cache
def _server() -> bytes:
    """Return the address of the process that forks; it ends with this one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        # Linux chooses an abstract name.
        listening.bind("")
        listening.listen()
        number, address = listening.fileno(), listening.getsockname()
        code = START.format(path=sys.path, number=number)
        words = [sys.executable, "-I", "-c", code]
        # It ends when the other end of its standard input is closed.
        subprocess.Popen(words, stdin=subprocess.PIPE, pass_fds=[number])
    assert isinstance(address, bytes)
    return address


def serve(number: int) -> None:
    """Fork for each request that comes in; tell the number of the process, and how it has ended."""
    for name in ("contiguous", *MODULES, "frozen"):
        importlib.import_module(name)
    life, (ended, wake) = sys.stdin.fileno(), os.pipe()
    for end in (ended, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    running: dict[int, socket.socket] = {}
    with socket.socket(fileno=number) as listening:
        while life not in (ready := select.select([listening, ended, life], [], [])[0]):
            if listening in ready:
                answers = listening.accept()[0]
                pid = _forked(json.loads(answers.recv(LARGEST)))
                running[pid] = answers
                answers.send(str(pid).encode())
            if ended in ready:
                os.read(ended, LARGEST)
                _tell(running)


def _tell(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as answers:
            answers.send(str(status).encode())


def _forked(wanted: Mapping[str, object]) -> int:
    if pid := os.fork():
        return pid
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = _run(wanted)
    except BaseException:  # noqa: BLE001 - as Python itself does at its end
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _run(wanted: Mapping[str, object]) -> int:
    from frozen import copy_usual

    from lvsdr.cli.main import main
    from lvsdr.kernel import namespace

    copy_usual()
    arguments = wanted["arguments"]
    assert isinstance(arguments, list)
    for descriptor, stream in ((1, "stdout"), (2, "stderr")):
        opened = os.open(Path(str(wanted["folder"]), stream), os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, descriptor)
    namespace.enter(str(wanted["namespace"]))
    if wanted["mounts"]:
        _see_files(Path(str(wanted["mounts"])))
    sys.argv = ["lvsdr", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _see_files(mounts: Path) -> None:
    """Enter a mount namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with mounts.open() as file:
        if libc.setns(file.fileno(), CLONE_NEWNS) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
