"""The files that keepalived reads: its keepalived.conf, and what that includes."""

from __future__ import annotations

import re
import shlex
import stat
from glob import glob, has_magic
from pathlib import Path
from typing import NamedTuple

from lvsdr.formats.bounded_file import text_of
from lvsdr.formats.keepalived.conf_syntax import Line, lines_of
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.printable import printable

# Files of keepalived are small, and few; who makes them otherwise must not use up the memory.
LARGEST, MOST, DEEPEST = 1 << 20, 1000, 20
MOST_BYTES = 8 << 20
"""Of all files of one run together."""
MOST_BRACES = 256
ROOT = Path("/")
# In place of what a variable of keepalived's own environment says, from 2.4 on: nobody knows here.
UNKNOWN = "$_ENV("
# What glob(7) has and Python has not: another word for "none of these", and classes of letters.
NONE_OF = re.compile(r"\[\^")
CLASSES = {"digit": "0-9", "alpha": "a-zA-Z", "alnum": "a-zA-Z0-9", "lower": "a-z", "upper": "A-Z"}
CLASS = re.compile(rf"\[:({'|'.join(CLASSES)}):\]")


@dataclass(slots=True)
class Budget:
    """How many bytes may be read yet: of one file with what it includes, or of several.

    No file may have more than the `largest`; `whole` is what was left at the beginning.
    """

    left: int = MOST_BYTES
    largest: int = LARGEST
    whole: int = MOST_BYTES

    def spend(self, text: str) -> None:
        """Raise OSError where more has been read than anybody writes."""
        self.left -= len(text)
        if self.left < 0:
            raise OSError(0, f"the files have more than {self.whole} bytes together")


class _Open(NamedTuple):
    """A file that is being read: where it is, and what it really is."""

    path: Path
    real: Path


@dataclass(slots=True)
class Files:
    """The files that one host reads, and what was found on the way.

    Names are as keepalived sees them, which sees `root` as its root. `unread` says which parts
    keepalived may have read, and we could not. What is `elsewhere`, on another host, need not be
    here.
    """

    root: Path = ROOT
    budget: Budget = field(default_factory=Budget)
    findings: list[Finding] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    elsewhere: bool = False
    _number: int = 0
    _stack: list[_Open] = field(default_factory=list)

    def first(self, path: Path) -> list[Line]:
        """Return the lines of the first file; raise OSError where it cannot be read."""
        return self._opened(path)

    def open(self, path: Path, there: Line) -> list[Line] | None:
        """Return the lines of an included file, to be closed then; None for what is not read."""
        try:
            self._refuse_executable(path)
            real = _real(self._place(path))
            if any(each.real == real for each in self._stack) or len(self._stack) > DEEPEST:
                self._fault(there, path, f"{path} includes itself")
            elif self._number >= MOST:
                self._fault(there, path, f"more than {MOST} files are included")
            else:
                return self._opened(path)
        except _SkippedError as error:
            self._fault(there, path, str(error), unread=False)
        except OSError as error:
            if self.elsewhere and isinstance(error, FileNotFoundError):
                return None
            reason = (error.strerror or str(error)).lower()
            # Where there is none, keepalived has read none; a name to fill in may stand for one.
            missing = isinstance(error, FileNotFoundError)
            self._fault(
                there,
                path,
                f"{path} cannot be read: {reason}",
                severity=WARNING if missing else ERROR,
                unread=not missing or "$" in str(path),
            )
        return None

    def close(self) -> None:
        """End the file that was opened last."""
        self._stack.pop()

    def folder(self) -> str:
        """Return the folder of the file that is read, without links, as keepalived calls it."""
        real = str(_real(self._place(self._stack[-1].path.parent)))
        top = str(_real(self.root))
        below = real.removeprefix(top)
        return real if self.root == ROOT or below == real else f"/{below.lstrip('/')}"

    def included(self, pattern: str, there: Line) -> list[Path]:
        """Return the files that a pattern of glob(7), with braces as in csh, means in a folder."""
        folder = self._stack[-1].path.parent
        if UNKNOWN in pattern:
            text = f"{printable(pattern)} is named by a variable of keepalived's own environment"
            self._fault(there, folder / pattern, text, severity=WARNING)
            return []
        found = [path for each in _braces(pattern) for path in self._matching(each, folder)]
        files = [path for path in found if not _is_folder(self._place(path))]
        if not files and not self.elsewhere:
            text = f"no file is {printable(pattern)}, and keepalived goes on without it"
            self._fault(there, folder / pattern, text, severity=WARNING, unread=False)
        return files

    def _opened(self, path: Path) -> list[Line]:
        place = self._place(path)
        try:
            text = text_of(place, self.budget.largest)
            self.budget.spend(text)
            self._stack.append(_Open(path, _real(place)))
        except (RuntimeError, ValueError) as error:
            raise OSError(0, str(error)) from error
        self._number += 1
        # The braces of a file need not be balanced: what counts is the whole.
        return list(lines_of(text, str(path)))

    def _place(self, path: Path) -> Path:
        return path if self.root == ROOT else self.root / str(path).lstrip("/")

    def _refuse_executable(self, path: Path) -> None:
        try:
            mode = self._place(path).stat().st_mode
        except ValueError as error:
            raise OSError(0, str(error)) from error
        if stat.S_ISREG(mode) and mode & 0o111:
            raise _SkippedError(f"keepalived leaves {path} out, for it can be executed")

    def _matching(self, pattern: str, folder: Path) -> list[Path]:
        if not has_magic(pattern):
            return [folder / pattern]
        pattern = CLASS.sub(lambda found: CLASSES[found[1]], NONE_OF.sub("[!", pattern))
        base = ROOT if pattern.startswith("/") else folder
        # Path.glob takes no pattern from /, and none with `..`.
        try:
            names = glob(pattern.lstrip("/"), root_dir=self._place(base))  # noqa: PTH207
        except ValueError:
            # A zero byte: no file has such a name.
            names = []
        return [base / name for name in sorted(names)]

    def _fault(
        self, there: Line, path: Path, text: str, *, severity: str = ERROR, unread: bool = True
    ) -> None:
        where = f"{there.file}:{there.number}"
        look = f"ls -l {shlex.quote(printable(str(path)))}"
        fault = Finding("KEEPALIVED-INCLUDE", severity, there.file, f"{where}: {text}", look=look)
        self.findings.append(fault)
        if unread:
            self.unread.append(fault.message)


class _SkippedError(Exception):
    """A file that keepalived does not read; the message says why."""


def _real(path: Path) -> Path:
    """Return what a path really is; raise OSError where nobody can say."""
    try:
        return path.resolve()
    except (RuntimeError, ValueError) as error:
        raise OSError(0, str(error)) from error


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _braces(pattern: str) -> list[str]:
    """Return what csh makes of `{a,b{c,d}}`."""
    done: list[str] = []
    open_ = [pattern]
    while open_ and len(done) + len(open_) < MOST_BRACES:
        each = open_.pop(0)
        end = each.find("}")
        start = each.rfind("{", 0, end) if end >= 0 else -1
        if start < 0 or end == start + 1:
            done.append(each)
        else:
            parts = each[start + 1 : end].split(",")
            open_ = [each[:start] + part + each[end + 1 :] for part in parts] + open_
    return [*dict.fromkeys((*done, *open_))]
