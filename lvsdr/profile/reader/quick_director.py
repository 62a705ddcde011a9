"""The quick way to a director's profile: each virtual server by itself, known ones not at all.

It ends in a profile, or in nothing: then the file is read in the usual way, which can tell why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from lvsdr.model.folded_servers import KnownText, PartlyRead, ReadInColumns
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile import schema
from lvsdr.profile.reader.director_fields import sized_profile
from lvsdr.profile.reader.extent import SMALL, refuse_too_much
from lvsdr.profile.reader.quick_check import accepts
from lvsdr.profile.reader.refusal import Refusal
from lvsdr.profile.reader.schema_check import completed, completing
from lvsdr.profile.reader.service_stream import Streamed, streamed
from lvsdr.profile.reader.service_texts import FIELD, ServiceTexts, UnlikeError

NameOf = Callable[[Mapping[str, Any]], str]
Whole = Callable[[], Sequence[RealServer]]


def quick_director(
    raw: bytes, name_of: NameOf, known: Sequence[KnownText], whole: Whole
) -> DirectorProfile | None:
    """Return the director's profile that `raw` is in JSON, None where that is not plain.

    `name_of` tells its name by its data. Real servers of virtual servers that are `known` are read
    by `whole`, once somebody asks for them.
    """
    try:
        return _read(ServiceTexts(raw), name_of, known, whole)
    except (UnlikeError, Refusal):
        return None


def known_director(
    descriptor: int, name_of: NameOf, known: Sequence[KnownText], whole: Whole
) -> DirectorProfile | None:
    """Return the director's profile that a file has, which is nearly as `known`; None where not.

    It is what `quick_director` makes of it. `descriptor` is read from its beginning; raises
    OSError.
    """
    texts = streamed(descriptor, known)
    try:
        return None if texts is None else _read(texts, name_of, [texts.before], whole)
    except (UnlikeError, Refusal):
        return None


def _read(
    texts: ServiceTexts | Streamed, name_of: NameOf, known: Sequence[KnownText], whole: Whole
) -> DirectorProfile:
    described = schema.document("director")
    if texts.frame.get("role") != "director" or not accepts(described)(texts.frame):
        raise UnlikeError
    before = known[0] if isinstance(texts, Streamed) else texts.framed_as(known)
    entries = Entries(texts, before, described["properties"][FIELD]["items"])
    data = {**completed(described, texts.frame), FIELD: entries}
    read = sized_profile(data, name_of(data))
    servers = entries.in_order(read.virtual_servers)
    text = texts.seen
    marks = [said for _, said in text.services]
    said = dict(zip((server.service.key for server in servers), marks, strict=True))
    if len(said) < len(servers):
        # One that was read is also among those that are known.
        raise UnlikeError
    # Of these the text says more than what is known of it.
    telling = {target.service.key for target in read.probes}
    telling |= {each.service.key for each in read.sorry_servers}
    telling |= {service.key for service in read.own_health}
    real_servers = read.real_servers
    several = real_servers.pieces if isinstance(real_servers, ReadInColumns) else real_servers
    filled = {each.service.key for each in several} | entries.unread.keys()
    if entries.unread:
        real_servers = PartlyRead(tuple(real_servers), entries.unread, whole)
    return replace(
        read,
        virtual_servers=servers,
        real_servers=real_servers,
        text=text,
        said={key: mark for key, mark in said.items() if key in filled and key not in telling},
    )


class Entries:
    """The virtual servers of the text as data: those that are not known."""

    def __init__(
        self, texts: ServiceTexts | Streamed, before: KnownText | None, described: Mapping[str, Any]
    ) -> None:
        self.complete = completing(described)
        self.unread: dict[Key, str] = {}
        self._is_right = accepts(described)
        self._texts = texts
        self._before = None if before is None else before[0]
        self._known: Mapping[str, VirtualServer] = {} if before is None else before[1]
        self._order: list[VirtualServer | None] = []

    def released(self) -> Iterator[Any]:
        """Yield those that are not known; raise UnlikeError, or Refusal where it is too much."""
        room = SMALL
        for piece in self._texts.pieces(self._before, self._known):
            server = self._known.get(piece.said)
            self._order.append(server)
            if server is not None:
                self.unread[server.service.key] = piece.said
                continue
            room -= piece.size
            if room < 0:
                # Once, of the whole.
                refuse_too_much(self._texts.text, toml=False)
                room = len(self._texts.text)
            if not self._is_right(piece.data):
                raise UnlikeError
            yield piece.data

    def in_order(self, read: Iterable[VirtualServer]) -> tuple[VirtualServer, ...]:
        """Return all virtual servers as they stand in the text; `read` are those of `released`."""
        new = iter(read)
        return tuple(next(new) if server is None else server for server in self._order)
