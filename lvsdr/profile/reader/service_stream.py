"""A large profile that is nearly as it was: looked at through one buffer, and never in memory.

What comes of it is what service_texts makes of the same bytes, or nothing: whatever is not plainly
as it was known is for that to read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Sequence
from typing import Any, NamedTuple

from lvsdr.model.file_window import FileWindow, mark_of
from lvsdr.model.folded_servers import KnownText, ProfileText
from lvsdr.profile.reader.json_toml import object_of
from lvsdr.profile.reader.service_texts import COMMA, FIELD, Piece, UnlikeError

# Bytes: of virtual servers that are not known, and of what is around all, as much at the most.
MOST = 1 << 18
# Bytes: a comma with what is around it has mostly less.
GAP = 64
_decode = json.JSONDecoder(object_pairs_hook=object_of).raw_decode
_BLANKS = re.compile(rb"[ \t\n\r]*")


class Streamed(NamedTuple):
    """The parts of a profile's text: what is around its virtual servers, and each of these."""

    frame: Any
    found: Sequence[Piece]
    seen: ProfileText
    before: KnownText

    @property
    def text(self) -> str:
        """Raise UnlikeError: the whole text is not there."""
        raise UnlikeError

    def pieces(self, known: ProfileText | None, spared: Container[str]) -> Iterator[Piece]:
        """Yield the virtual servers; those that are known have no data."""
        return iter(self.found)


def streamed(descriptor: int, known: Sequence[KnownText]) -> Streamed | None:
    """Return the text in a file, read from its beginning; None where it is not nearly as `known`.

    Raises OSError.
    """
    for before in known:
        window = FileWindow(descriptor)
        size, said = before[0].head
        head = window.ahead(min(size, MOST))
        if len(head) != size or mark_of(head) != said:
            continue
        start = bytes(head)
        window.skip(size)
        try:
            return _streamed(window, start, before)
        except (UnlikeError, ValueError, RecursionError):
            return None
    return None


def _streamed(window: FileWindow, head: bytes, before: KnownText) -> Streamed:
    """Return the text of which `head` has been read; raise UnlikeError, ValueError."""
    text, servers = before
    found = list(_pieces(window, text.services, servers))
    rest = bytes(window.ahead(MOST))
    tail = rest[_blanks(rest) :]
    if len(rest) == MOST or mark_of(tail) != text.tail:
        raise UnlikeError
    frame = json.loads((head + tail).decode("ascii"), object_pairs_hook=object_of)
    if type(frame) is not dict or frame.get(FIELD) != []:
        raise UnlikeError
    sizes = tuple([(piece.size, piece.said) for piece in found])
    return Streamed(frame, found, ProfileText(text.head, sizes, text.tail), before)


def _blanks(text: bytes) -> int:
    found = _BLANKS.match(text)
    assert found is not None, "it may be nothing"
    return found.end()


def _pieces(
    window: FileWindow, services: Sequence[tuple[int, str]], spared: Container[str]
) -> Iterator[Piece]:
    """Yield the virtual servers up to the last; raise UnlikeError, ValueError."""
    places = {said: place for place, (_, said) in enumerate(services)}
    number, room, count = 0, MOST, len(services)
    ahead, skip = window.ahead, window.skip
    while True:
        piece = None
        if number < count:
            size, said = services[number]
            if said in spared and mark_of(ahead(size)) == said:
                piece = Piece(None, size, said)
        if piece is None:
            piece = _decoded(window, room)
            room -= piece.size
        yield piece
        number = places.get(piece.said, number) + 1
        skip(piece.size)
        gap = COMMA.match(ahead(GAP))
        if gap is None:
            return
        if gap.end() == GAP:
            # There may be more of it.
            raise UnlikeError
        skip(gap.end())


def _decoded(window: FileWindow, room: int) -> Piece:
    """Return the virtual server that is ahead, with its data; raise UnlikeError, ValueError."""
    size = min(room, GAP * GAP)
    while True:
        text = str(window.ahead(size), "ascii")
        # What begins so is whole once it can be decoded.
        if not text.startswith("{"):
            raise UnlikeError
        try:
            data, end = _decode(text)
        except ValueError:
            if len(text) < size or size == room:
                raise
            size = min(room, 4 * size)
            continue
        return Piece(data, end, mark_of(text[:end].encode()))
