"""The text of a director's profile in JSON: its virtual servers, one by one.

They are nearly all of a large profile. Each is decoded by itself, so that no more than one is there
as data; one whose text is known need not be decoded at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from lvsdr.model.file_window import mark_of
from lvsdr.model.folded_servers import KnownText, ProfileText
from lvsdr.profile.reader.json_toml import object_of

FIELD = "virtual_servers"
# The quote of a field is not one that is written in a string.
_START = re.compile(rb'(?<!\\)"virtual_servers"[ \t\n\r]*:[ \t\n\r]*\[[ \t\n\r]*')
COMMA = re.compile(rb"[ \t\n\r]*,[ \t\n\r]*")
_END = re.compile(rb"[ \t\n\r]*\]")
_decode = json.JSONDecoder(object_pairs_hook=object_of).raw_decode
_quick_decode = json.JSONDecoder().raw_decode

# Of the brackets at the end of a profile those of its last fields are tried.
MOST_BRACKETS = 16


def decoded(text: str, start: int = 0) -> tuple[Any, int]:
    """Return the virtual server at `start` as data, and where it ends.

    A field that stands twice is told as `object_of` does. Raises ValueError or RecursionError.
    """
    data, end = _quick_decode(text, start)
    if type(data) is dict and text.count(":", start, end) == _count_of_fields(data):
        # Each field has a colon: where there is none beside, none stands twice.
        return data, end
    return _decode(text, start)


def _count_of_fields(data: Mapping[str, Any]) -> int:
    """Return how many fields a virtual server and its real servers have, which differ."""
    servers = data.get("real_servers")
    if type(servers) is not list or set(map(type, servers)) != {dict}:
        return len(data)
    return len(data) + sum(map(len, servers))


class UnlikeError(Exception):
    """The text is not plainly what it is taken for: it has to be read as a whole."""


class Piece(NamedTuple):
    """A virtual server of the text: its data, None where its text is known; its size and mark."""

    data: Any
    size: int
    said: str


class ServiceTexts:
    """The parts of a profile's text: what is around its virtual servers, and each of these.

    Raises UnlikeError where they cannot be found, or do not follow one another.
    """

    def __init__(self, raw: bytes) -> None:
        start = _START.search(raw)
        if start is None or not raw.isascii():
            raise UnlikeError
        self._raw = raw
        self._start = start.end()
        self.frame, self._close = self._around(start.start())
        self._seen: list[tuple[int, str]] = []

    @cached_property
    def text(self) -> str:
        """Return the whole text."""
        return self._raw.decode("ascii")

    def _around(self, field: int) -> tuple[dict[str, Any], int]:
        """Return the profile without its virtual servers, and the place of the bracket after them.

        That is the first of those at the end of the text between which and `field` nothing but
        virtual servers can be; whoever reads these sees whether it is.
        """
        found = None
        close = len(self._raw)
        for _ in range(MOST_BRACKETS):
            close = self._raw.rfind(b"]", self._start, close)
            if close < 0:
                break
            around = self._raw[:field] + b'"virtual_servers": []' + self._raw[close + 1 :]
            try:
                data = json.loads(around, object_pairs_hook=object_of)
            except (ValueError, RecursionError):
                break
            found = data, close
        if found is None or type(found[0]) is not dict or found[0].get(FIELD) != []:
            raise UnlikeError
        return found

    def framed_as(self, known: Iterable[KnownText]) -> KnownText | None:
        """Return the first of `known` that is as this in all but the virtual servers."""
        return next((each for each in known if self._is_framed_as(each[0])), None)

    def _is_framed_as(self, known: ProfileText) -> bool:
        size, said = known.head
        return size == self._start and self.head[1] == said and self.tail == known.tail

    @cached_property
    def head(self) -> tuple[int, str]:
        """Return the size of what is before the virtual servers, and its fingerprint."""
        return self._start, mark_of(self._raw[: self._start])

    @cached_property
    def tail(self) -> str:
        """Return the fingerprint of what is after the virtual servers."""
        return mark_of(self._raw[self._close :])

    @property
    def seen(self) -> ProfileText:
        """Return what the text is like; all of its pieces have been asked for before."""
        return ProfileText(self.head, tuple(self._seen), self.tail)

    def pieces(self, known: ProfileText | None, spared: Container[str]) -> Iterator[Piece]:
        """Yield the virtual servers; those `known` that may be `spared` are not decoded."""
        services = () if known is None else known.services
        places = {said: place for place, (_, said) in enumerate(services)}
        number, start = 0, self._start
        while True:
            piece = None
            if number < len(services) and services[number][1] in spared:
                piece = self._known(start, *services[number])
            piece = piece or self._decoded(start)
            self._seen.append((piece.size, piece.said))
            yield piece
            number = places.get(piece.said, number) + 1
            end = start + piece.size
            comma = COMMA.match(self._raw, end)
            if comma is None:
                break
            start = comma.end()
        last = _END.match(self._raw, end)
        if last is None or last.end() != self._close + 1:
            raise UnlikeError

    def _known(self, start: int, size: int, said: str) -> Piece | None:
        same = mark_of(self._raw[start : start + size]) == said
        return Piece(None, size, said) if same else None

    def _decoded(self, start: int) -> Piece:
        """Return the virtual server at `start` with its data."""
        try:
            data, end = decoded(self.text, start)
        except (ValueError, RecursionError) as error:
            raise UnlikeError from error
        return Piece(data, end - start, mark_of(self._raw[start:end]))
