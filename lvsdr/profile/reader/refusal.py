"""What is wrong with a profile, before the name of its file is put in front."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

from lvsdr.profile.reader.wording import Pointer, pointed

Value = TypeVar("Value", bound=Hashable)
MISSING = "required, but missing"
EMPTY = "the list is empty"


class Refusal(Exception):
    """Stop reading: one message, its place in the file, and what to do about it.

    It never leaves the reader; what callers see is ProfileError.

    `location` is put between the file's name and the message: ":LINE:COLUMN", ": /pointer" or
    nothing. `where` are the steps to the value, None where the text itself cannot be read.
    """

    def __init__(
        self, location: str, message: str, *hints: str, where: Pointer | None = None
    ) -> None:
        super().__init__(message)
        self.where = where
        self.location = location
        self.message = message
        self.hints = hints


def misfit(where: Pointer, message: str, *hints: str) -> Refusal:
    """Return the refusal of the value at `where`."""
    return Refusal(f": {pointed(where)}" if where else "", message, *hints, where=where)


def slip(text: str, offset: int, message: str, *hints: str) -> Refusal:
    """Return the refusal of what stands at `offset` of `text`; lines and columns start at 1."""
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return Refusal(f":{line}:{column}", message, *hints)


def distinct(values: Iterable[Value], field: str, tail: Pointer = ()) -> tuple[Value, ...]:
    """Return the values of a list, each one once; raise Refusal for one that comes again.

    `tail` leads from an entry of `field` to its value.
    """
    places: dict[Value, int] = {}
    for place, value in enumerate(values):
        if places.setdefault(value, place) != place:
            message = f"{value} is in /{field}/{places[value]} already"
            raise misfit((field, place, *tail), message, "remove one of the two")
    return tuple(places)
