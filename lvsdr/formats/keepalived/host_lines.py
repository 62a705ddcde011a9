"""The lines of keepalived.conf that one host reads, as keepalived itself comes by them.

A line of a file, or of what a name stands for, is dropped where it begins with another host's
`@id`, kept in mind where it defines a name, said again for each value where it is a ~SEQ or ~LST,
replaced by files where it is an `include`, and cut at its braces, each part being read so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lvsdr.formats.keepalived.conf_lines import LONGEST, cut_at_brace, uncommented
from lvsdr.formats.keepalived.conf_syntax import Line
from lvsdr.formats.keepalived.includes import UNKNOWN, Files
from lvsdr.formats.keepalived.repeated_lines import repeated
from lvsdr.model.late_dataclasses import dataclass, field

CONDITION = re.compile(r"@(\^?)([^ \t]*)[ \t]+(.*)", re.DOTALL)
NAMED = re.compile(r"(?:\$\w+=[ \t]*)?@\^?([^ \t\\]+)", re.ASCII)
DEFINITION = re.compile(r"\$([A-Za-z_]\w*)=[ \t]*(.*)", re.ASCII | re.DOTALL)
REFERENCE = re.compile(
    r"\$(?:\{(?P<braced>[A-Za-z_]\w*)\}|(?P<bare>[A-Za-z_]\w*)(?=[ \t,)]|$)"
    r"|\{(?P<given>_RANDOM|_ENV)(?P<what>[ \t\d]+|[ \t]+\w+)\})",
    re.ASCII,
)
INCLUDE = re.compile(r"include[rmwba]?[ \t\f\v\r](.*)", re.DOTALL)
# Nothing to fill in, no condition, no file; a brace ends it at the most, which may stay there.
PLAIN = re.compile(r"[a-hj-zA-HJ-Z0-9][^$\\{}!#\"]*(?: \{)?|[{}]")
INSTANCE = re.compile(r"\$(?:_INSTANCE\b|\{_INSTANCE\})")
# A definition may name itself, or double what it names; nobody writes so much.
MOST_HOSTS, MOST_FILLED_IN, STEP = 64, 1 << 21, 100
STANDARD = {"_HASH": "#", "_BANG": "!"}


def own_name() -> str:
    """Return the config-id that keepalived has on this host, unless it is given another."""
    return os.uname().nodename.partition(".")[0]


class _Waiting(NamedTuple):
    """A line that is to be read, with what names stand for from then on.

    Or a file that is to be opened, at the line that includes it; or the end of one.
    """

    line: Line
    words: tuple[tuple[str, str], ...] = ()
    opens: Path | None = None
    ends: bool = False


@dataclass(slots=True)
class HostReader:
    """One host that reads from the top: a definition counts from its line on.

    `host` is its config-id, "" one that no line names. `files` opens what is included; without it
    an `include` is a line like any other. `named` are the hosts that lines speak of; what a host
    includes by its own name is left out where it has none, which `by_its_name` tells.
    """

    host: str
    files: Files | None = None
    named: dict[str, None] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    by_its_name: bool = False
    filled_in: int = 0
    _waiting: list[_Waiting] = field(default_factory=list)

    def read(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield the lines that are left for this host, filled in and cut; never raises."""
        self._push(lines)
        while self._waiting:
            waits = self._waiting.pop()
            if waits.ends and self.files is not None:
                self.files.close()
            elif waits.opens is not None and self.files is not None:
                included = self.files.open(waits.opens, waits.line)
                if included is not None:
                    self._waiting.append(waits._replace(opens=None, ends=True))
                    self._push(included)
            elif waits.words or not PLAIN.fullmatch(waits.line.text):
                self.words.update(waits.words)
                yield from self._read(waits.line)
            else:
                yield waits.line

    def _push(self, lines: Iterable[Line]) -> None:
        self._waiting += reversed([_Waiting(each) for each in lines])

    def _read(self, line: Line) -> Iterator[Line]:
        """Yield what is left of a line, up to its first brace; what comes after that waits."""
        text = self._settled(line)
        if not text:
            return
        if self.files is not None and (include := INCLUDE.match(text)):
            if INSTANCE.search(include[1]):
                # Of a host without a name nobody knows which file it is.
                self.by_its_name = True
                return
            paths = self.files.included(include[1].strip(" \t"), line)
            self._waiting += reversed([_Waiting(line, opens=each) for each in paths])
            return
        text, rest = cut_at_brace(text)
        if rest is not None:
            self._push([line._replace(text=rest)])
        yield line._replace(text=text)

    def _settled(self, line: Line) -> str:
        """Return what a line says to this host, names filled in; nothing where it is done with."""
        text = line.text
        while True:
            if text.startswith("@"):
                condition = CONDITION.match(text)
                self._hear_of(text)
                if condition is None or self._is_of_another(condition[1], condition[2]):
                    return ""
                text = condition[3]
            if definition := DEFINITION.match(text):
                self._hear_of(text)
                self.words[definition[1]] = self._value(definition[2])
                return ""
            if text.startswith(("~SEQ", "~LST")):
                self._repeat(text, line)
                return ""
            if text.startswith("~"):
                return text
            filled_in = self._filled_in(text, line)
            if filled_in is None:
                return text
            # What a name stands for may have several lines, and conditions and names in turn.
            text, others = filled_in
            self._push([line._replace(text=each) for each in others])
            text = uncommented(text)
            if not text.startswith("@") and "$" not in text:
                return text

    def _hear_of(self, text: str) -> None:
        if (found := NAMED.match(text)) and len(self.named) < MOST_HOSTS:
            self.named[found[1]] = None

    def _is_of_another(self, other: str, host: str) -> bool:
        return (host != self.host) != bool(other)

    def _value(self, text: str) -> str:
        """Return what a name stands for; a backslash at its end goes on with the next line."""
        parts = [text]
        while parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1].rstrip(" \t")
            if not self._waiting or self._waiting[-1].ends or self._waiting[-1].opens:
                break
            parts.append(self._waiting.pop().line.text)
        return "\n".join(filter(None, parts))

    def _repeat(self, text: str, line: Line) -> None:
        """Let a line wait for each of the values that a ~SEQ or ~LST has for it."""
        again = repeated(self._in_brackets(text, line))
        made = []
        for words, left in again:
            if not self._affords(left):
                break
            made.append(_Waiting(line._replace(text=left), tuple(words.items())))
        self._waiting += reversed(made)

    def _in_brackets(self, text: str, line: Line) -> str:
        """Return a ~SEQ with the names filled in that stand in its brackets, and no others."""
        end = text.find(")") + 1
        inner = self._filled_in(text[:end], line)
        return text if inner is None or inner[1] else inner[0] + text[end:]

    def _filled_in(self, text: str, line: Line) -> tuple[str, list[str]] | None:
        """Return a line with the known names in it filled in, and those in what they stand for.

        Behind it, the other lines of a name that has several, which ends a line or stands for
        nothing. None where there is none. It never becomes longer than keepalived lets it.
        """
        place, found_any = 0, False
        others: list[str] = []
        while (place := text.find("$", place)) >= 0:
            found = REFERENCE.match(text, place)
            value = None if found is None else self._value_of(found, line)
            if found is None or value is None or ("\n" in value and found.end() < len(text)):
                place += 1
                continue
            value, *more = value.split("\n")
            longer = text[:place] + value + text[found.end() :]
            if len(longer) > LONGEST or not self._affords(longer):
                break
            text, others, found_any = longer, more + others, True
            if value.lstrip(" \t").startswith("~"):
                break
        return (text, others) if found_any else None

    def _affords(self, text: str) -> bool:
        self.filled_in += len(text) + STEP
        return self.filled_in <= MOST_FILLED_IN

    def _value_of(self, found: re.Match[str], line: Line) -> str | None:
        name = found["braced"] or found["bare"] or found["given"]
        if name in self.words:
            return self.words[name]
        if name == "_PWD":
            return str(Path(line.file).parent) if self.files is None else self.files.folder()
        if name == "_INSTANCE" and self.host:
            return self.host
        if name == "_RANDOM":
            # One that it may be.
            return ((found["what"] or "").split() or ["0"])[0]
        if name == "_ENV":
            return f"{UNKNOWN}{(found['what'] or '').strip()})"
        return STANDARD.get(name)
