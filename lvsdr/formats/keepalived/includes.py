"""keepalived.conf with the files that it includes, line by line, as keepalived reads them."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from glob import glob, has_magic
from pathlib import Path

from lvsdr.formats.keepalived.conditional_lines import DEFINITION, with_names
from lvsdr.formats.keepalived.conf_syntax import Line, lines_of, words_of
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.printable import printable

# keepalived.conf(5): they differ in what keepalived calls an error.
KEYWORDS = frozenset({"include", *(f"include{each}" for each in "rmwba")})
# Files of keepalived are small, and few; who makes them otherwise must not use up the memory.
LARGEST, MOST, DEEPEST = 1 << 20, 1000, 20
MOST_BYTES = 8 << 20
"""Of all files of one run together."""
MOST_BRACES = 256
ROOT = Path("/")


@dataclass(slots=True)
class ReadLines:
    """The lines of a file with all that it includes, and what was found on the way.

    `unread` says which parts keepalived may have read, and we could not.
    """

    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    files: int = 0


@dataclass(slots=True)
class Budget:
    """How many bytes may be read yet: of one file with what it includes, or of several."""

    left: int = MOST_BYTES

    def spend(self, text: str) -> None:
        """Raise OSError where more has been read than anybody writes."""
        self.left -= len(text)
        if self.left < 0:
            raise OSError(0, f"the files have more than {MOST_BYTES} bytes together")


def read_lines(path: Path, root: Path = ROOT, budget: Budget | None = None) -> ReadLines:
    """Return the lines of the file at `path`; raise OSError where that one cannot be read.

    Names are as keepalived sees them, which sees `root` as its root. `budget` is of several files
    that are read in one run.
    """
    reading = _Including(root, ReadLines(), budget or Budget())
    text, real = reading.opened(path)
    reading.done.lines += reading.lines(path, text, (real,))
    return reading.done


@dataclass(frozen=True, slots=True)
class _Including:
    root: Path
    done: ReadLines
    budget: Budget
    # Definitions that count for every host; a name that one host alone has stays as it is.
    names: dict[str, str] = field(default_factory=dict)

    def lines(self, path: Path, text: str, above: tuple[Path, ...]) -> Iterator[Line]:
        """Yield the lines of a file, and those of an included one in the place of its `include`.

        The braces of a file need not be balanced: what counts is the whole.
        """
        self.done.files += 1
        for there in lines_of(text, str(path)):
            if definition := DEFINITION.match(there.text):
                self.names[definition[1]] = definition[2].strip()
            # Few lines include anything, and all have to be looked at.
            words = words_of(with_names(there, self.names)) if "include" in there.text else []
            if len(words) < 2 or words[0] not in KEYWORDS:
                yield there
                continue
            for included in self._included(words[1], path.parent, there):
                yield from self._of_included(included, there, above)

    def opened(self, path: Path) -> tuple[str, Path]:
        """Return what a file says, and what it really is; raise OSError where it is none."""
        place = self._place(path)
        try:
            text = text_of(place)
            self.budget.spend(text)
            return text, place.resolve()
        except (RuntimeError, ValueError) as error:
            raise OSError(0, str(error)) from error

    def _place(self, path: Path) -> Path:
        return path if self.root == ROOT else self.root / str(path).lstrip("/")

    def _of_included(self, path: Path, there: Line, above: tuple[Path, ...]) -> Iterator[Line]:
        try:
            text, real = self.opened(path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            # Where there is none, keepalived has read none; a name to fill in may stand for one.
            self._fault(
                there,
                path,
                f"{path} cannot be read: {reason}",
                unread=not isinstance(error, FileNotFoundError) or "$" in str(path),
            )
            return
        if real in above or len(above) > DEEPEST:
            self._fault(there, path, f"{path} includes itself")
        elif self.done.files >= MOST:
            self._fault(there, path, f"more than {MOST} files are included")
        else:
            yield from self.lines(path, text, (*above, real))

    def _included(self, pattern: str, folder: Path, there: Line) -> list[Path]:
        """Return the files that a pattern of glob(7), with braces as in csh, means in a folder."""
        found = [path for each in _braces(pattern) for path in self._matching(each, folder)]
        files = [path for path in found if not _is_folder(self._place(path))]
        if not files:
            text = f"no file is {printable(pattern)}, and keepalived goes on without it"
            path = folder / pattern
            self._fault(there, path, text, severity=WARNING, unread=False)
        return files

    def _matching(self, pattern: str, folder: Path) -> list[Path]:
        if not has_magic(pattern):
            return [folder / pattern]
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
        self.done.findings.append(fault)
        if unread:
            self.done.unread.append(fault.message)


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


def text_of(path: Path) -> str:
    """Return what a file says; raise OSError for what is none, or larger than any of keepalived."""
    # Not to wait for a pipe that somebody has put there.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        seen = os.fstat(file.fileno())
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(0, "it is no file")
        if seen.st_size > LARGEST:
            raise OSError(0, f"it has more than {LARGEST} bytes")
        return file.read(LARGEST).decode("utf-8", "replace")
