"""keepalived.conf with the files that it includes, line by line, as keepalived reads them."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from glob import glob, has_magic
from pathlib import Path

from lvsdr.formats.keepalived.conf_syntax import Line, lines_of, words_of
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.printable import printable

# keepalived.conf(5): they differ in what keepalived calls an error.
KEYWORDS = frozenset({"include", *(f"include{each}" for each in "rmwba")})
# Files of keepalived are small, and few; who makes them otherwise must not use up the memory.
LARGEST, MOST, DEEPEST = 1 << 20, 1000, 20
MOST_BRACES = 256


@dataclass(slots=True)
class Whole:
    """A configuration with all that it includes, and what was found on the way."""

    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def read_whole(path: Path) -> Whole:
    """Return the configuration in `path`; raise OSError where that one cannot be read."""
    whole = Whole()
    whole.lines += _lines(path, _text(path), whole, (path.resolve(),))
    return whole


def _lines(path: Path, text: str, whole: Whole, above: tuple[Path, ...]) -> Iterator[Line]:
    """Yield the lines of a file, and those of an included one in the place of its `include`.

    The braces of a file need not be balanced: what counts is the whole.
    """
    whole.files.append(path)
    for there in lines_of(text, str(path)):
        words = words_of(there.text)
        if len(words) < 2 or words[0] not in KEYWORDS:
            yield there
            continue
        for included in _included(words[1], path.parent, there, whole):
            yield from _of_included(included, there, whole, above)


def _of_included(path: Path, there: Line, whole: Whole, above: tuple[Path, ...]) -> Iterator[Line]:
    try:
        real = path.resolve()
        text = _text(path)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        fault = _fault(there, f"{path} cannot be read: {reason.lower()}", path, ERROR)
        whole.findings.append(fault)
        return
    if real in above or len(above) > DEEPEST:
        whole.findings.append(_fault(there, f"{path} includes itself", path, ERROR))
    elif len(whole.files) >= MOST:
        whole.findings.append(_fault(there, f"more than {MOST} files are included", path, ERROR))
    else:
        yield from _lines(path, text, whole, (*above, real))


def _included(pattern: str, folder: Path, there: Line, whole: Whole) -> list[Path]:
    """Return the files that a pattern of glob(7), with braces as in csh, means in a folder."""
    found = [folder / name for each in _braces(pattern) for name in _matching(each, folder)]
    files = [path for path in found if not _is_folder(path)]
    if not files:
        fault = f"no file is {printable(pattern)}, and keepalived goes on without it"
        whole.findings.append(_fault(there, fault, folder / pattern, WARNING))
    return files


def _matching(pattern: str, folder: Path) -> list[str]:
    if not has_magic(pattern):
        return [pattern]
    return sorted(glob(pattern, root_dir=folder))  # noqa: PTH207 - Path.glob takes none from /


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


def _text(path: Path) -> str:
    # Not to wait for a pipe that somebody has put there.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        seen = os.fstat(file.fileno())
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(0, "it is no file")
        if seen.st_size > LARGEST:
            raise OSError(0, f"it has more than {LARGEST} bytes")
        return file.read(LARGEST).decode("utf-8", "replace")


def _fault(there: Line, text: str, path: Path, severity: str) -> Finding:
    where = f"{there.file}:{there.number}"
    hint = f"ls -l {shlex.quote(printable(str(path)))}"
    return Finding("KEEPALIVED-INCLUDE", severity, there.file, f"{where}: {text}", hint)
