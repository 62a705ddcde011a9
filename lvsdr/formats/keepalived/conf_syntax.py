"""keepalived.conf as a tree of words and blocks; tolerant, as keepalived itself is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

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
        yield from (each for each in self.inner if each.name in names)

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
    """Yield the lines of a text."""
    for number, line in enumerate(text.splitlines(), start=1):
        yield Line(file, number, line)


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
    """Yield the words of a line, and whether each was quoted; `!` and `#` begin a comment."""
    place = 0
    while place < len(line):
        letter = line[place]
        if letter in "!#":
            return
        if letter.isspace():
            place += 1
        elif letter in "\"'":
            end = line.find(letter, place + 1)
            end = len(line) if end < 0 else end
            yield line[place + 1 : end], True
            place = end + 1
        else:
            end = place
            while end < len(line) and not line[end].isspace() and line[end] not in "\"'":
                end += 1
            yield line[place:end], False
            place = end
