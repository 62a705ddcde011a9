"""What keepalived itself says of a file, by `keepalived -t`, where it is installed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from lvsdr.formats.keepalived.alike_lines import with_alike_lines
from lvsdr.formats.keepalived.said_lines import judged_lines
from lvsdr.formats.keepalived.versions import Version
from lvsdr.model.finding import ERROR, WARNING, Finding

PATIENCE = 10.0
"""Seconds for all files of a check."""
# keepalived takes the square of their number over thousands of instances.
LARGE, PATIENCE_WITH_LARGE = 256 * 1024, 2.0
TOLD_VERSION = re.compile(r"Keepalived v(\d+)\.(\d+)\.(\d+)")
# Debian's 2.3.3 and 2.3.4 are built so that they need it.
OPTIONS, UNABLE = (
    "/etc/keepalived/keepalived.config-opts",
    "Unable to read build config options file",
)
REINSTALL = (
    "bring it back: apt-get install --reinstall -o Dpkg::Options::=--force-confmiss keepalived"
)
# A shell's way to say that a signal ended a program: 128 and the number of the signal.
OF_A_SHELL = 128


def said_by_keepalived(paths: Iterable[Path], here: Collection[Path] = ()) -> Iterator[Finding]:
    """Yield what `keepalived -t` has against files; nothing where keepalived is not installed.

    `here` are those that this host's own keepalived runs with. It takes as long as it likes over a
    large file: all of them together have PATIENCE.
    """
    program = _program()
    deadline = time.monotonic() + PATIENCE
    for path in paths if program else ():
        left = deadline - time.monotonic()
        large = path.stat().st_size > LARGE
        command = [str(program), "-t", "-l", "-f", str(path)]
        if left > 0:
            patience = min(left, PATIENCE_WITH_LARGE) if large else left
            yield from _said(command, path, patience, here=path.resolve() in here)
        else:
            text = f"{path}: keepalived -t was not asked: it took {PATIENCE:g} s over the others"
            look = shlex.join(command)
            yield Finding("KEEPALIVED-SYNTAX", WARNING, str(path), text, look=look)


def _said(command: list[str], path: Path, patience: float, *, here: bool) -> Iterator[Finding]:
    look = shlex.join(command)
    try:
        done = _run(command, patience)
    except subprocess.TimeoutExpired:
        text = f"{path}: keepalived -t does not end within {patience:.0f} s"
        yield Finding("KEEPALIVED-SYNTAX", WARNING, str(path), text, look=look)
        return
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        text = f"{path}: keepalived -t cannot be asked: {command[0]} does not start: {reason}"
        yield Finding("KEEPALIVED-SYNTAX", ERROR, str(path), text, look=look)
        return
    if done.returncode and UNABLE in done.stderr:
        text = f"{path}: keepalived -t cannot be asked: without its file {OPTIONS} keepalived of"
        text += " this version does not start at all"
        yield Finding("KEEPALIVED-SYNTAX", ERROR, str(path), text, look=REINSTALL)
        return
    lines = [each.strip() for each in (done.stderr + done.stdout).splitlines() if each.strip()]
    if (ended := ended_by(done.returncode)) is not None:
        # Of a file that a host with that user starts with.
        yield Finding("KEEPALIVED-SYNTAX", WARNING, str(path), f"{path}: {ended}", look=look)
    elif done.returncode and not lines:
        text = f"{path}: keepalived -t ends with {done.returncode}"
        yield Finding("KEEPALIVED-SYNTAX", ERROR, str(path), text, look=look)
    yield from with_alike_lines(judged_lines(dict.fromkeys(lines), str(path), look, here=here))


def installed_version() -> Version | None:
    """Return the version of keepalived, None where none is installed or it cannot say."""
    program = _program()
    if program is None:
        return None
    try:
        told = TOLD_VERSION.search(_run([program, "-v"], PATIENCE_WITH_LARGE).stderr)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if told is None else (int(told[1]), int(told[2]), int(told[3]))


def _program() -> str | None:
    return shutil.which("keepalived", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _run(command: list[str], patience: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience,
        errors="replace",
    )


def ended_by(code: int) -> str | None:
    """Return in words that a signal ended `keepalived -t`; None where none did."""
    number = -code if code < 0 else code - OF_A_SHELL
    try:
        name = signal.Signals(number).name
    except ValueError:
        return None
    # 2.2.7 does so at a script_user other than root, and says nothing.
    return (
        f"keepalived -t stops before it has read the file to its end ({name}), as it does where it"
        " cannot run scripts as the user that the file names: what stands there is not checked"
    )
