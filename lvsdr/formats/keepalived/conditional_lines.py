"""The lines of keepalived.conf that one host reads: `@host` left out, `$NAME` filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lvsdr.formats.keepalived.conf_syntax import Line
from lvsdr.model.late_dataclasses import dataclass, field

CONDITION = re.compile(r"\s*@(?P<other>\^?)(?P<host>[^\s\\]+)(?P<rest>.*)", re.ASCII)
NAMED = re.compile(r"\s*(?:\$\w+=\s*)?@\^?([^\s\\]+)", re.ASCII)
DEFINITION = re.compile(r"\s*\$([A-Za-z_]\w*)=(.*)", re.ASCII)
REFERENCE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>\w+)(?=\s|$))", re.ASCII)
# A definition may name itself, or double what it names; nobody writes so much.
MOST_HOSTS, LONGEST_LINE, MOST_FILLED_IN, STEP = 64, 1 << 16, 1 << 21, 100


def with_names(line: Line, words: Mapping[str, str]) -> str:
    """Return the text of a line with the names in it filled in that are known by now.

    A line that would become longer than anybody writes stays as it is.
    """

    def value(found: re.Match[str]) -> str:
        known = named(found["braced"] or found["bare"], line, words)
        return found[0] if known is None else known

    grown = sum(len(value(found)) for found in REFERENCE.finditer(line.text))
    return line.text if grown > LONGEST_LINE else REFERENCE.sub(value, line.text)


def named(name: str, line: Line, words: Mapping[str, str]) -> str | None:
    """Return what `$NAME` stands for in a line; None where nobody has said it."""
    return str(Path(line.file).parent) if name == "_PWD" else words.get(name)


def named_hosts(lines: Iterable[Line]) -> list[str]:
    """Return the hosts that `@` lines name, by their config-id."""
    found = (NAMED.match(each.text) for each in lines)
    return list(dict.fromkeys(each[1] for each in found if each))[:MOST_HOSTS]


def lines_for(lines: Sequence[Line], host: str) -> Iterator[Line]:
    """Yield the lines that a host reads, names filled in; never raises. "" is one without name."""
    return _Reader(host).read(lines)


@dataclass(slots=True)
class _Reader:
    """One host that reads from the top: a definition counts from its line on."""

    host: str
    words: dict[str, str] = field(default_factory=dict)
    filled_in: int = 0

    def read(self, lines: Sequence[Line]) -> Iterator[Line]:
        """Yield the lines that are left for this host, filled in; never raises."""
        waiting = list(reversed(lines))
        while waiting:
            line = waiting.pop()
            condition = CONDITION.match(line.text)
            if condition is not None and self._affords(line.text):
                if (condition["host"] == self.host) != bool(condition["other"]):
                    waiting.append(line._replace(text=condition["rest"]))
            elif (definition := DEFINITION.match(line.text)) is not None:
                self.words[definition[1]] = _value(definition[2], waiting)
            else:
                filled_in = self._filled_in(line)
                if filled_in is None:
                    yield line
                else:
                    # What it stands for may be definitions, conditions and lines in turn.
                    texts = reversed(filled_in.split("\n"))
                    waiting += [line._replace(text=text) for text in texts]

    def _filled_in(self, line: Line) -> str | None:
        """Return the line's text with the first known name in it filled in; None without one."""
        for found in REFERENCE.finditer(line.text):
            value = self._value_of(found["braced"] or found["bare"], line)
            if value is None:
                continue
            text = line.text[: found.start()] + value + line.text[found.end() :]
            return text if self._affords(text) else None
        return None

    def _affords(self, text: str) -> bool:
        self.filled_in += len(text) + STEP
        return len(text) <= LONGEST_LINE and self.filled_in <= MOST_FILLED_IN

    def _value_of(self, name: str, line: Line) -> str | None:
        if name == "_INSTANCE" and self.host:
            return self.host
        return named(name, line, self.words)


def _value(text: str, waiting: list[Line]) -> str:
    """Return what a name stands for; a backslash at its end goes on with the next line."""
    parts = [text.strip()]
    while parts[-1].endswith("\\") and waiting:
        parts[-1] = parts[-1][:-1].rstrip()
        parts.append(waiting.pop().text.strip())
    return "\n".join(parts).strip("\n")
