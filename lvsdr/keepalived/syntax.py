"""keepalived.conf as a tree of words and blocks; tolerant, as keepalived itself is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

# Nobody nests so deep; whoever does must not use up the stack.
DEEPEST = 50


@dataclass(slots=True)
class Block:
    """A keyword, the words after it on its line, and what stands in braces after that.

    `line` counts from 1.
    """

    words: list[str]
    line: int
    inner: list[Block] = field(default_factory=list)

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

    def first(self, name: str) -> Block | None:
        """Return the first block right in this one that is called `name`."""
        return next(self.all(name), None)


def parsed(text: str) -> Block:
    """Return the whole file as one block without words; never raises, whatever the text is."""
    root = Block([], 0)
    stack = [root]
    for number, line in enumerate(text.splitlines(), start=1):
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
                current = Block([word], number)
                stack[-1].inner.append(current)
            else:
                current.words.append(word)
    return root


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
