"""keepalived.conf as a tree of words and blocks; tolerant, as keepalived itself is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from lvsdr.formats.keepalived.conf_lines import BLANKS, LONGEST, at_braces, pieces_of, uncommented
from lvsdr.model.late_dataclasses import dataclass, field

# A line without one of these is taken as it is: comments, quotes, backslashes, bytes beyond ASCII.
UNUSUAL = re.compile(r"[^ \t$%-\[\]-~]")
# Nobody nests so deep; whoever does must not use up the stack.
DEEPEST = 50


class Line(NamedTuple):
    """A line, and where it stands; `number` counts from 1."""

    file: str
    number: int
    text: str


# A block of fewer lines is looked through; they are the most, and a dictionary for each is dear.
MANY = 20


@dataclass(slots=True)
class Block:
    """A keyword, the words after it on its line, and what stands in braces after that.

    `line` counts from 1, in `file`.
    """

    words: list[str]
    line: int
    file: str = ""
    inner: list[Block] = field(default_factory=list)
    _by_name: dict[str, list[Block]] | None = field(default=None, repr=False, compare=False)

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def name(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def value(self) -> str:
        """Return the words after the keyword."""
        return " ".join(self.words[1:])

    @property
    def word(self) -> str:
        """Return the word after the keyword: what else is on the line, keepalived passes over."""
        return self.words[1] if self.words[1:] else ""

    def all(self, *names: str) -> Iterator[Block]:
        """Yield the blocks right in this one that have one of `names`."""
        if len(names) != 1 or len(self.inner) < MANY:
            yield from (each for each in self.inner if each.words and each.words[0] in names)
            return
        if self._by_name is None:
            # Asked for by everything that is within; the whole has tens of thousands.
            self._by_name = {}
            for each in self.inner:
                self._by_name.setdefault(each.name, []).append(each)
        yield from self._by_name.get(names[0], ())

    def within(self, outer: str, *names: str) -> Iterator[Block]:
        """Yield the blocks that have one of `names`, in each `outer` right in this one.

        keepalived takes a block such as global_defs as often as it comes.
        """
        for block in self.all(outer):
            yield from block.all(*names)

    def first(self, name: str) -> Block | None:
        """Return the first block right in this one that is called `name`."""
        return next(self.all(name), None)

    def last(self, name: str) -> Block | None:
        """Return the last one: of a setting that is written twice, keepalived has that."""
        return next(reversed([*self.all(name)]), None)


def lines_of(text: str, file: str = "") -> Iterator[Line]:
    """Yield the lines of a text, without comments."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not UNUSUAL.search(line) and len(line) <= LONGEST:
            yield Line(file, number, line.strip(" \t"))
            continue
        for piece in pieces_of(line):
            # Those of its processes that do the work read a copy that has been read already: a
            # backslash keeps a comment from beginning once, and not again.
            yield Line(file, number, uncommented(uncommented(piece)))


WORD = re.compile(rf'"([^"]*)(?:"|$)|([^{BLANKS}"]+)')
# A script's command and user are read once more: single quotes count too, and a backslash.
SCRIPT_WORD = re.compile(rf"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^{BLANKS}'"\\]|\\.)+""")
SCRIPT_QUOTES = re.compile(r""""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'""")
SCRIPTS = re.compile(
    r"notify(?:_(?:master|backup|fault|stop|deleted|master_rx_lower_pri|up|down))?"
    r"|(?:(?:(?:vrrp|lvs)_)?notify_fifo_|startup_|shutdown_)?script|quorum_(?:up|down)|misc_path"
)


def parsed(lines: Iterable[Line]) -> Block:
    """Return the whole as one block without words; never raises, whatever the lines are."""
    root = Block([], 0)
    stack = [root]
    for file, number, line in lines:
        for text in at_braces(line):
            if text == "{":
                # An opening brace may stand on a line of its own.
                inner = stack[-1].inner[-1] if stack[-1].inner else None
                if inner is not None and len(stack) < DEEPEST:
                    stack.append(inner)
            elif text == "}":
                if len(stack) > 1:
                    stack.pop()
            elif words := words_of(text):
                stack[-1].inner.append(Block(words, number, file))
    return root


def words_of(line: str) -> list[str]:
    """Return the words of a line: what double quotes hold is one."""
    if not UNUSUAL.search(line):
        words = line.split()
        return _script_words(line) if words and is_script(words[0]) else words
    words = []
    for found in WORD.finditer(line):
        if found[2] is None and not found[0].endswith('"', 1):
            # Without its end, keepalived drops what a quote begins.
            break
        words.append(found[1] if found[2] is None else found[2])
    if words and is_script(words[0]):
        return _script_words(line)
    return words


@lru_cache(maxsize=1024)
def is_script(name: str) -> bool:
    """Return whether a keyword has a command behind it."""
    return SCRIPTS.fullmatch(name) is not None


def _script_words(line: str) -> list[str]:
    """Return a script's keyword, its command, and its user and group; not what has no end."""
    words: list[str] = []
    place = 0
    for found in SCRIPT_WORD.finditer(line):
        if line[place : found.start()].strip(BLANKS):
            # A quote that does not end: keepalived has no script then.
            return words[:1]
        words.append(SCRIPT_QUOTES.sub(lambda quoted: quoted[1] or quoted[2] or "", found[0]))
        place = found.end()
    return words[:1] if line[place:].strip(BLANKS) else words
