"""Run a command as root on a throw-away kernel: User-Mode Linux on this host's own files.

The guest sees the host's files through an overlay, and leaves them as they are. Its PID 1 is
`init.sh`.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lvsdr.core import signals
from lvsdr.errors import CannotRun, Interrupted
from lvsdr.lab import uml_kernel, wide_registers
from lvsdr.lab.one_cpu import stay_on_one_cpu
from lvsdr.lab.uml_kernel import UmlKernel

STDOUT, STDERR = 1, 2
# Fresh in the guest, so that no state of the host's daemons leaks in.
FRESH = (Path("/run"), Path("/dev/shm"))  # noqa: S108 - nothing is written there
# No core of the whole guest after a panic. And its standard input ends with our life, even by
# kill -9, which the helpers of User-Mode Linux would outlive by themselves.
LEASH = """ulimit -c 0; exec 3<&0 </dev/null
{ read -r _ <&3; rm -rf -- "$0"; kill -KILL 0; } & exec "$@" 3<&-"""
# The reading end of each pipe, and where it leads: one of our descriptors, or memory.
Pipes = dict[int, int | bytearray]


def run(  # noqa: PLR0913 - all but the command have defaults
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] = {},
    directory: Path | None = None,
    out: Path | None = None,
    timeout: float = 600.0,
    memory: int = 512,
    heard: Callable[[], None] = lambda: None,
) -> int:
    """Run `argv` as root in a throw-away kernel, its output live on ours; return its exit code.

    It starts in the folder `directory`, with `environment` added to a small one. If a signal kills
    it, the exit code is 128 + the signal's number. Processes that it leaves running are killed.
    Only files below `out` reach the host. `timeout` is in seconds, boot included; `memory` in MiB.
    `heard` is called before each part of its output.

    Raises CannotRun when the guest cannot boot, dies or reaches the limit, and Interrupted when a
    signal comes, or nobody reads our output any more. The guest is dead by then.
    """
    kernel = uml_kernel.chosen("boot a throw-away kernel")
    sys.stdout.flush()
    deadline, console = time.monotonic() + timeout, bytearray()
    with (
        signals.raising(),
        _lab_errors(argv[0], timeout, console),
        tempfile.TemporaryDirectory(prefix="lvsdr-lab-") as folder,
    ):
        if out:
            out.mkdir(parents=True, exist_ok=True)
        job = Path(folder).resolve()
        paths = _paths(directory or Path.cwd(), out, kernel.modules)
        _write_job(job, _words(argv, environment), paths)
        with _booted(kernel, job, memory, console) as (pid, pipes):
            _pump(pid, pipes, deadline, heard)
        return int((job / "exit-code").read_text())


def _words(argv: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the arguments of `env -i --`: variables, and the command."""
    kept = {name: os.environ[name] for name in ("HOME", "TERM", "LANG") if name in os.environ}
    variables = {"HOME": "/root", "TERM": "dumb", **kept, **environment, "LVSDR_LAB": "uml"}
    variables |= _narrow()
    variables["PATH"] = uml_kernel.search_path(environment)
    # To env, a command whose name holds "=" would be one more variable.
    shell = ["sh", "-c", 'exec "$@"', "sh"] if "=" in argv[0] else []
    return [*(f"{name}={value}" for name, value in variables.items()), *shell, *argv]


def _paths(directory: Path, out: Path | None, modules: Path) -> list[str]:
    """Return the folders to start in, to share, of modules, and those that FRESH would hide."""
    folders = (directory, Path(__file__).parents[2], sys.prefix, tempfile.gettempdir(), modules)
    needed = {Path(folder).resolve() for folder in folders}
    kept = {path for path in needed if set(FRESH) & set(path.parents)}
    shared = out.resolve() if out else ""
    told = (directory.resolve(strict=True), shared, modules, *sorted(kept))
    return [str(path) for path in told]


def _narrow() -> Mapping[str, str]:
    """Return the variables without which programs use registers that the guest does not keep."""
    return wide_registers.NARROW if wide_registers.too_wide() else {}


def _write_job(job: Path, words: list[str], paths: list[str]) -> None:
    # A copy: an installed package need not have kept the executable bit.
    shutil.copyfile(Path(__file__).with_name("init.sh"), job / "init.sh")
    (job / "init.sh").chmod(0o700)
    (job / "exit-code").touch()
    for name, lines in (("words", words), ("paths", paths)):
        (job / name).write_bytes(b"".join(os.fsencode(line) + b"\0" for line in lines))


@contextmanager
def _booted(
    kernel: UmlKernel, job: Path, memory: int, console: bytearray
) -> Iterator[tuple[int, Pipes]]:
    """Give the running guest's process id and its pipes; kill it after the block."""
    reads, writes = zip(*(os.pipe() for _ in range(3)), strict=True)
    out, err, log = writes
    try:
        process = subprocess.Popen(
            _command(kernel.program, job, memory, out, err),
            cwd=job,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=(out, err),
            start_new_session=True,
            # Between fork and exec of a process that has one thread.
            preexec_fn=_become_guest,  # noqa: PLW1509
        )
    finally:
        for end in writes:
            os.close(end)
    with process:
        try:
            yield process.pid, dict(zip(reads, (STDOUT, STDERR, console), strict=True))
        finally:
            # The whole group: each process of the guest is one of ours.
            os.killpg(process.pid, signal.SIGKILL)
            for end in reads:
                os.close(end)


def _become_guest() -> None:
    stay_on_one_cpu()
    if _narrow():
        wide_registers.refuse_to_read()


def _command(program: str, job: Path, memory: int, out: int, err: int) -> list[str]:
    # No devtmpfs: it would hide a job folder below /dev/shm before init has read it.
    files = "rootfstype=hostfs rootflags=/ rw devtmpfs.mount=0 uml_dir=./ umid=uml"
    lines = f"con=null con0=null,fd:1 ssl=null ssl0=null,fd:{out} ssl1=null,fd:{err}"
    manner = f"mem={memory}M panic=-1 noreboot quiet loglevel=3 random.trust_cpu=on"
    # Measuring RAID 6 and making 256 old ptys would be four fifths of the time to boot.
    haste = "initcall_blacklist=raid6_select_algo pty.legacy_count=0"
    # Newer kernels can keep the guest's processes without ptrace(2), a quarter of the time less; in
    # which registers, they decide by themselves. Others know nothing of it.
    manner += "" if _narrow() else " seccomp=auto"
    # What init is told in its environment.
    narrow = " ".join(f"{name}={value}" for name, value in _narrow().items())
    words = f"{files} {lines} {manner} {haste} {narrow}".split()
    return ["sh", "-c", LEASH, str(job), program, *words, f'init="{job / "init.sh"}"']


def _pump(pid: int, pipes: Pipes, deadline: float, heard: Callable[[], None]) -> None:
    """Copy the guest's output until it has ended and its pipes are empty.

    Raises TimeoutError at the deadline, BrokenPipeError when our reader is gone.
    """
    ended = os.pidfd_open(pid)
    poller = select.poll()
    # No events: only that the reader is gone, which a silent command would never notice.
    for fd, events in {STDOUT: 0, STDERR: 0, ended: select.POLLIN}.items():
        poller.register(fd, events)
    for fd in pipes:
        os.set_blocking(fd, False)
        poller.register(fd, select.POLLIN)
    with os.fdopen(ended):
        ready: set[int] = set()
        while ended not in ready:
            ready = {fd for fd, _ in poller.poll(_left(deadline) * 1000)}
            if ready & {STDOUT, STDERR}:
                raise BrokenPipeError
            for fd in ready & pipes.keys():
                if not _copy(fd, pipes[fd], deadline, heard):
                    poller.unregister(fd)
    for fd, sink in pipes.items():
        while _copy(fd, sink, deadline, heard):
            pass


def _copy(fd: int, sink: int | bytearray, deadline: float, heard: Callable[[], None]) -> bool:
    """Copy the data of one read; return whether there may be more."""
    try:
        data = os.read(fd, 65536)
    except BlockingIOError:
        return False
    if isinstance(sink, bytearray):
        sink += data
        return bool(data)
    heard()
    rest = memoryview(data)
    while rest:
        # So little at a time that a pipe said to be writable cannot block us past the deadline.
        if select.select([], [sink], [], _left(deadline))[1]:
            rest = rest[os.write(sink, rest[: select.PIPE_BUF]) :]
    return bool(data)


def _left(deadline: float) -> float:
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    return left


@contextmanager
def _lab_errors(command: str, timeout: float, console: bytearray) -> Iterator[None]:
    """Turn errors inside the block into ours, with the last lines of the guest's console."""
    try:
        yield
    except BrokenPipeError:
        raise Interrupted(f"cannot finish {command}: nobody reads its output (EPIPE)") from None
    except (OSError, ValueError) as error:
        known = {
            TimeoutError: f"the limit of {timeout:g} s was reached",
            ValueError: "the throw-away kernel died",  # it left no exit code
        }
        reason = known.get(type(error), str(error))
        raise CannotRun(f"cannot finish {command}: {reason}", notes=_tail(console)) from error


def _tail(console: bytearray) -> list[str]:
    """Return the last lines of the console, which may say why the guest failed."""
    lines = console.decode(errors="replace").splitlines()
    trace = (" ", "Stack:", "Call Trace:")
    return [f"console: {line}" for line in lines if line and not line.startswith(trace)][-12:]
