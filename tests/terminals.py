"""A terminal that a program runs on, and what a person sees there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

COLUMNS, ROWS = 80, 24
# Longer than anything here takes on a busy machine.
PATIENCE = 120.0


class Screen:
    """The lines of a terminal that knows what erases a line, and lets others scroll by."""

    def __init__(self) -> None:
        self.lines = [""]
        self._column = 0
        # Each state of the last line, as a person may have seen it.
        self.seen: list[str] = []

    def draw(self, text: str) -> None:
        """Draw what a program has written."""
        rest = text.replace("\r\n", "\n")
        while rest:
            if rest.startswith("\x1b[K"):
                self.lines[-1] = self.lines[-1][: self._column]
                rest = rest[3:]
                self.seen.append(self.lines[-1])
                continue
            letter, rest = rest[0], rest[1:]
            if letter == "\n":
                self.lines.append("")
                self._column = 0
            elif letter == "\r":
                self._column = 0
            else:
                line = self.lines[-1].ljust(self._column)
                self.lines[-1] = line[: self._column] + letter + line[self._column + 1 :]
                self._column += 1


class OnTerminal:
    """One run of a program whose stderr, and unless told otherwise stdout, is a terminal."""

    def __init__(  # noqa: PLR0913 - as many ways to start one
        self,
        words: Sequence[str],
        *,
        folder: Path | None = None,
        stdout: Path | None = None,
        during: Callable[[int, bytes], bool] = lambda _, __: False,
        background: bool = False,
        environment: dict[str, str] | None = None,
    ) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        variables = {**os.environ, "TERM": "xterm", **(environment or {})}
        variables.pop("COLUMNS", None)
        out = theirs if stdout is None else os.open(stdout, os.O_WRONLY | os.O_CREAT, 0o600)
        # The leader of a session that has the terminal, as a shell is.
        shell = [sys.executable, "-I", "-c", BACKGROUND if background else FOREGROUND]
        with subprocess.Popen(
            [*shell, *words],
            stdin=theirs,
            stdout=out,
            stderr=theirs,
            start_new_session=True,
            cwd=folder,
            env=variables,
        ) as process:
            for each in {out, theirs}:
                os.close(each)
            self.written = _until_closed(ours, process, during)
            self.code = process.wait(PATIENCE)
        os.close(ours)
        self.screen = Screen()
        self.screen.draw(self.written.decode())

    @property
    def lines(self) -> list[str]:
        """Return the lines that are left on the terminal."""
        return [each.rstrip() for each in self.screen.lines if each.rstrip()]

    @property
    def told(self) -> list[str]:
        """Return what stood in the line that comes and goes, each time that it was drawn."""
        return [each for each in self.screen.seen if each.startswith("lvsdr: ")]


FOREGROUND = """
import fcntl, os, sys, termios
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
BACKGROUND = """
import fcntl, os, sys, termios
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
child = os.fork()
if not child:
    os.setpgid(0, 0)
    os.execv(sys.argv[1], sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def _until_closed(
    ours: int, process: subprocess.Popen[bytes], during: Callable[[int, bytes], bool]
) -> bytes:
    """Return what is written until the program ends; `during` looks on until it has seen it."""
    heard, over, deadline = b"", False, time.monotonic() + PATIENCE
    while True:
        over = over or during(ours, heard)
        if time.monotonic() > deadline:
            process.kill()
            raise TimeoutError(f"it did not end; it wrote {heard!r}")
        if not select.select([ours], [], [], 0.05)[0]:
            if process.poll() is not None:
                return heard
            continue
        try:
            heard += os.read(ours, 65536)
        except OSError:  # Nobody has it open any more.
            return heard
