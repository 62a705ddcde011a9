"""The recipes of docs/take-over.md, as the commands that they are: what is printed is what is run.

A recipe is a section whose heading has a letter, `## (a) ...`; its commands are in blocks marked
`console`, each behind the name of the host that it is typed on: `rs1# lvsdr realserver apply`. What
is typed into a command, up to a line `END`, belongs to it. All other lines show what is printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "take-over.md"
HEADING = re.compile(r"^## \(([a-z]\d?)\) (.+)$")
PROMPT = re.compile(r"^([a-z]+[0-9]?)# (.+)$")
HEREDOC = "<<'END'"


@dataclass(frozen=True, slots=True)
class Typed:
    """A command, and the name of the host on which it is typed."""

    place: str
    command: str


def recipes(text: str | None = None) -> dict[str, list[Typed]]:
    """Return the commands of each recipe, by its letter."""
    found: dict[str, list[Typed]] = {}
    letter, inside, block = "", False, list[str]()
    for line in (PAGE.read_text() if text is None else text).splitlines():
        if heading := HEADING.match(line):
            letter = heading[1]
            found[letter] = []
        elif line.startswith("## "):
            letter = ""
        elif line.startswith("```"):
            if inside and letter:
                found[letter] += _typed(block)
            inside, block = line == "```console" and not inside, []
        elif inside:
            block.append(line)
    return found


def _typed(lines: list[str]) -> Iterator[Typed]:
    rest = iter(lines)
    for line in rest:
        if not (prompt := PROMPT.match(line)):
            continue
        command = prompt[2]
        if HEREDOC in command:
            for more in rest:
                command += f"\n{more}"
                if more == "END":
                    break
        yield Typed(prompt[1], command)
