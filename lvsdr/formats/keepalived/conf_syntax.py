"""keepalived.conf as a tree of words and blocks; tolerant, as keepalived itself is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lvsdr.model.late_dataclasses import dataclass, field

# Nobody nests so deep; whoever does must not use up the stack.
DEEPEST = 50


class Line(NamedTuple):
    """A line, and where it stands; `number` counts from 1."""

    file: str
    number: int
    text: str


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

    def all(self, *names: str) -> Iterator[Block]:
        """Yield the blocks right in this one that have one of `names`."""
        if len(names) != 1:
            yield from (each for each in self.inner if each.name in names)
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


def lines_of(text: str, file: str = "") -> Iterator[Line]:
    """Yield the lines of a text, without comments."""
    for number, line in enumerate(text.splitlines(), start=1):
        yield Line(file, number, _uncommented(line))


def _uncommented(line: str) -> str:
    """Return a line up to its comment, which `!` or `#` begins anywhere, within a word too.

    Double quotes keep it from being one, single ones do not (measured: keepalived 2.2.7).
    """
    if "#" not in line and "!" not in line:
        return line
    marks = (each for each in QUOTED_OR_MARK.finditer(line) if each[0] in "!#")
    first = next(marks, None)
    return line if first is None else line[: first.start()]


QUOTED_OR_MARK = re.compile(r'"[^"]*"?|[!#]')
WORD = re.compile(r""""([^"]*)"?|'([^']*)'?|([^\s"']+)""")


def parsed(lines: Iterable[Line]) -> Block:
    """Return the whole as one block without words; never raises, whatever the lines are."""
    root = Block([], 0)
    stack = [root]
    for file, number, line in lines:
        current: Block | None = None
        for word, quoted in _words(line):
            if word == "{" and not quoted:
                # An opening brace may stand on a line of its own.
                inner = current or (stack[-1].inner[-1] if stack[-1].inner else None)
                if inner is not None and len(stack) < DEEPEST:
                    stack.append(inner)
                current = None
            elif word == "}" and not quoted:
                if len(stack) > 1:
                    stack.pop()
                current = None
            elif current is None:
                current = Block([word], number, file)
                stack[-1].inner.append(current)
            else:
                current.words.append(word)
    return root


def words_of(line: str) -> list[str]:
    """Return the words of a line."""
    return [word for word, _ in _words(line)]


def _words(line: str) -> Iterator[tuple[str, bool]]:
    """Yield the words of a line, and whether each was quoted."""
    for found in WORD.finditer(line):
        double, single, plain = found.groups()
        quoted = single if double is None else double
        yield (plain, False) if quoted is None else (quoted, True)
