"""The table of formats: one row for each `--format`, and a module that makes its lines.

A command knows many formats and prints one: each is imported when it is first asked for. Its module
has a table of results and two functions: `lines` of a result that is shown alone, `one_of_many` of
one in a stream.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from lvsdr.model.late_dataclasses import dataclass
from lvsdr.render.results import Planned, Result, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Protocol

    class Output(Protocol):
        """A module that makes the lines of a format; `SHOWS` has each result that it can show."""

        SHOWS: Mapping[type[Result], Callable[[Any], object]]

        def lines(self, result: Result) -> Iterable[str]: ...

        def one_of_many(self, result: Result) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class Format:
    """How results are printed; `only` names those that it can show, where it is not every one.

    What is `for_people` is coloured, made safe for a terminal, and shown while it is under way.
    What `tells_errors` has them in place of a result; else they are words on standard error.
    """

    module: str
    only: tuple[type[Result], ...] = ()
    for_people: bool = False
    tells_errors: bool = False

    def output(self) -> Output:
        """Return the module that makes its lines."""
        return cast("Output", import_module(self.module))


FORMATS = {
    "text": Format("lvsdr.render.text", for_people=True),
    "json": Format("lvsdr.render.json_documents", tells_errors=True),
    "commands": Format("lvsdr.render.shell_commands", only=(Planned, Status)),
}


def names(result: type[Result]) -> list[str]:
    """Return the names of the formats that can show a result."""
    return [name for name, each in FORMATS.items() if not each.only or result in each.only]
