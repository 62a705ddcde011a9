"""Faults on order: the real program, in a host, struck at one of the points at which it writes.

One warm process for each host, of which every run is a fork: the program costs a tenth of a
second so, and yet each run is a process of its own that can be killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import down_marks
import program
import pytest
from witnesses import writes_in

from lvsdr.cli.main import run
from lvsdr.cli.session import Session
from lvsdr.core import book
from lvsdr.errors import KernelError
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.lab_host import Host
from lvsdr.model.change import Change

FULL = bool(os.environ.get("LVSDR_TORTURE"))
PATIENCE = 120.0
BALLAST = "ballast"


def sample(total: int, few: int, offset: int = 0) -> range:
    """Return all numbers below `total` under `make torture`, else about `few`, well spread."""
    stride = 1 if FULL else -(-total // few)
    return range(offset % stride, total, stride)


def tell(request: pytest.FixtureRequest, figures: str) -> None:
    """Print a line of figures, captured or not."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n  {request.node.name}: {figures}")


# --- what is to go wrong -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Strike:
    """Just before the write number `at`, do `what`: a signal by its name, fill, fill-inodes."""

    at: int
    what: str = "SIGKILL"


@dataclass(frozen=True, slots=True)
class Refusal:
    """At change number `at` the kernel says `errno`; `done`: though it has carried it out.

    With `errno` 0 the netlink sockets are lost there.
    """

    at: int
    errno: int
    done: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: its exit code (negative: the signal), its words, the points it passed."""

    code: int
    said: str
    points: tuple[str, ...]


Order = tuple[tuple[str, ...], Strike | Refusal | None]


# --- the process of which each run is a fork -----------------------------------------------------


class Agent:
    """A warm process in a host."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self, *arguments: str | Path, fault: Strike | Refusal | None = None) -> Ended:
        """Run the program, struck by `fault`."""
        return self.run_at_once([(tuple(map(str, arguments)), fault)])[0]

    def run_at_once(self, orders: Sequence[Order]) -> list[Ended]:
        """Run the program many times at once."""
        self._connection.send(list(orders))
        assert self._connection.poll(PATIENCE + len(orders)), f"no end in sight: {orders}"
        ended: list[Ended] = self._connection.recv()
        return ended


@contextmanager
def agent(host: Host) -> Iterator[Agent]:
    """Give the warm process of a host."""
    here, there = program.SERVER.Pipe()
    process = program.SERVER.Process(target=_serve, args=(host.path, there), daemon=True)
    process.start()
    there.close()
    try:
        yield Agent(here)
    finally:
        here.close()
        process.kill()
        process.join()


def _serve(path: Path, connection: Connection) -> None:
    # Not in the tests' own process, to which it would do the same.
    from frozen import copy_usual

    from lvsdr.kernel import namespace

    namespace.enter(str(path))
    while True:
        try:
            orders = connection.recv()
        except EOFError:
            return
        running = [_forked(words, fault, copy_usual) for words, fault in orders]
        connection.send([_ended(*each) for each in running])


def _forked(
    arguments: tuple[str, ...], fault: Strike | Refusal | None, begin: Callable[[], None]
) -> tuple[int, int, int]:
    said, points = os.memfd_create("said"), os.memfd_create("points")
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            begin()
            for stream in (1, 2):
                os.dup2(said, stream)
            code = _struck(arguments, fault, points)
        except BaseException:
            # What comes this far is a fault of the program's, and has to be seen.
            traceback.print_exc()
            raise
        finally:
            os._exit(code)
    return pid, said, points


def _struck(arguments: tuple[str, ...], fault: Strike | Refusal | None, points: int) -> int:
    strike = fault if isinstance(fault, Strike) else None
    pass_by = _watch_writes(points, strike)
    session = FaultySession(fault) if isinstance(fault, Refusal) else Session()
    work = down_marks.run if arguments[0] == down_marks.NAME else run
    code = work(arguments, session)
    sys.stdout.flush()
    sys.stderr.flush()
    # After the last write; a signal that can be caught would find the program already gone.
    if strike is None or strike.what == "SIGKILL":
        pass_by("end")
    return code


def _ended(pid: int, said: int, points: int) -> Ended:
    _, status = os.waitpid(pid, 0)
    texts = []
    for descriptor in (said, points):
        os.lseek(descriptor, 0, os.SEEK_SET)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            texts.append(file.read())
    return Ended(os.waitstatus_to_exitcode(status), texts[0], tuple(texts[1].splitlines()))


# --- the points at which the program writes ------------------------------------------------------


def _watch_writes(points: int, strike: Strike | None) -> Callable[[str], None]:
    """Hook every call that writes; return what marks a point by hand."""
    count = 0

    def pass_by(label: str) -> None:
        nonlocal count
        here, count = count, count + 1
        os.write(points, f"{label}\n".encode())
        if strike is not None and strike.at == here:
            _carry_out(strike.what)

    def hook(owner: Any, name: str, label: Callable[..., str | None]) -> None:
        original = getattr(owner, name)

        def hooked(*words: Any, **named: Any) -> Any:
            told = label(*words, **named)
            if told is not None:
                pass_by(told)
            return original(*words, **named)

        setattr(owner, name, hooked)

    for name in ("send", "sendto", "sendmsg", "sendall"):
        hook(socket.socket, name, _sending)
    hook(os, "open", lambda path, flags, *_, **__: f"make {path}" if flags & os.O_CREAT else None)
    # Between its making and what is written into it a file is empty.
    hook(os, "fdopen", lambda _, mode="r", *__, **___: "fill it" if "w" in mode else None)
    hook(Path, "write_text", lambda path, text, **_: f"write {path} {text.strip()}")
    for name in ("fsync", "rename", "replace", "unlink", "remove", "mkdir", "link", "symlink"):
        hook(os, name, lambda *words, name=name, **_: f"{name} {words[0]}")
    for name in ("ftruncate", "chmod", "chown", "fchmod", "fchown"):
        hook(os, name, lambda *words, name=name, **_: f"{name} {words[0]}")
    return pass_by


def _sending(wire: socket.socket, first: Any, *_: Any) -> str | None:
    if wire.family == socket.AF_PACKET:
        return "send a frame"
    if wire.family != socket.AF_NETLINK:
        return None
    data = first if isinstance(first, bytes | bytearray | memoryview) else b"".join(first)
    return ", ".join(writes_in(wire.proto, bytes(data))) or None


def _carry_out(what: str) -> None:
    if what.startswith("SIG"):
        os.kill(os.getpid(), signal.Signals[what])
        return
    files = Path(book.ROOT)
    if what == "fill":
        with contextlib.suppress(OSError), (files / BALLAST).open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
    for number in range(1000 if what == "fill-inodes" else 0):
        try:
            (files / f"{BALLAST}{number}").touch()
        except OSError:
            return


# --- a kernel that refuses -----------------------------------------------------------------------


class FaultyKernel(LinuxKernel):
    """The kernel, but for one refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self._refusal = refusal
        self._count = 0

    def execute(self, changes: Iterable[Change]) -> None:
        for change in changes:
            here, self._count = self._count, self._count + 1
            if here != self._refusal.at:
                super().execute((change,))
            elif self._refusal.errno:
                self._refuse(change)
            else:
                self._lose()
                super().execute((change,))

    def _refuse(self, change: Change) -> None:
        if self._refusal.done:
            super().execute((change,))
        number = self._refusal.errno
        reason = os.strerror(number).lower()
        raise KernelError(f"cannot {change.verb} {change.subject}: {reason}", errno=number)

    def _lose(self) -> None:
        for lost in (self._sockets._rtnetlink, self._sockets._route, self._sockets._ipvs):
            if lost is not None and self._refusal.done:
                lost.close()
            elif lost is not None:
                # What is left is a number that no longer leads to the kernel.
                os.dup2(os.open(os.devnull, os.O_RDWR), lost.fileno())


class FaultySession(Session):
    """A run that meets such a kernel."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self._refusal = refusal

    def kernel(self, pause: Callable[[], None] | None = None) -> FaultyKernel:
        return FaultyKernel(self._refusal)
