"""ifupdown's file, interfaces(5), and what it includes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lvsdr.model.late_dataclasses import dataclass

# These set no address, and take none away.
WITHOUT_ADDRESSES = frozenset({"manual", "loopback"})
# A file that includes itself is read once.
MOST_FILES = 1000
OPENING = frozenset({"iface", "auto", "mapping", "source", "source-directory", "template"})
UNRELATED = frozenset({"no-auto-down", "no-scripts", "rename"})


@dataclass(frozen=True, slots=True)
class Stanza:
    """An `iface` of `link` in `place`: its method, and the commands for when it has come up."""

    link: str
    method: str
    place: str
    commands: tuple[str, ...] = ()


def stanzas(file: Path, root: Path = Path("/")) -> Iterator[Stanza]:
    """Yield each `iface` of a file and of those that it includes; `root` is where / is."""
    waiting, read = [file], set[Path]()
    while waiting and len(read) < MOST_FILES:
        this = waiting.pop(0)
        if this in read:
            continue
        read.add(this)
        lines = list(_lines(root / this.relative_to("/")))
        waiting += _included(lines, this, root)
        yield from _in_one_file(lines, str(this))


def _lines(path: Path) -> Iterator[list[str]]:
    """Yield the words of each line; one that ends in a backslash goes on."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.replace("\\\n", "").splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            yield words


def _included(lines: list[list[str]], this: Path, root: Path) -> Iterator[Path]:
    for words in lines:
        if words[0] == "source":
            yield from (found for word in words[1:] for found in _matching(word, this, root))
        elif words[0] == "source-directory":
            for word in words[1:]:
                found = _matching(f"{word}/*", this, root)
                yield from (each for each in found if re.fullmatch(r"[a-zA-Z0-9_-]+", each.name))


def _matching(pattern: str, this: Path, root: Path) -> list[Path]:
    """Return the files that a pattern names, seen from the file in which it stands."""
    wanted = str((this.parent / pattern).relative_to("/"))
    return sorted(Path("/") / each.relative_to(root) for each in root.glob(wanted))


def _in_one_file(lines: list[list[str]], place: str) -> Iterator[Stanza]:
    open_one: Stanza | None = None
    for words in lines:
        first = words[0]
        if first in OPENING or first in UNRELATED or first.startswith("allow-"):
            if open_one is not None:
                yield open_one
            open_one = _opened(words, place)
        elif open_one is not None and first in ("up", "post-up"):
            commands = (*open_one.commands, " ".join(words[1:]))
            open_one = Stanza(open_one.link, open_one.method, place, commands)
    if open_one is not None:
        yield open_one


def _opened(words: list[str], place: str) -> Stanza | None:
    """Return the `iface` that a line opens: iface NAME [FAMILY METHOD]."""
    if words[0] != "iface" or len(words) < 2:
        return None
    return Stanza(words[1], words[3] if len(words) > 3 else "", place)
