"""The real servers at one RIP, and the record in which they are objects: the rest stays folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lvsdr.core.book import Book
from lvsdr.core.folding import in_order, with_down
from lvsdr.core.record import Record, owner_of
from lvsdr.core.taken_apart import taken_apart
from lvsdr.model.folded_servers import PartlyRead
from lvsdr.model.ipvs import RealServer
from lvsdr.model.profile import DirectorProfile


def with_rip(profile: DirectorProfile, rip: str, book: Book) -> Iterable[RealServer]:
    """Return the profile's real servers in its order; at least those at `rip`, as it is written."""
    servers = profile.real_servers
    if not isinstance(servers, PartlyRead):
        return servers
    record, owner = book.load(folding=True), owner_of(profile)
    # Who is drained has not the weight that the profile says.
    out = {key[1:4] for key in record.drained.get(owner, ()) if key[-2] == rip}
    otherwise = out | with_down(record, owner)
    known = {
        key: each
        for key, each in record.folded.get(owner, {}).items()
        if key not in otherwise and servers.unread.get(key) == each.mark.said
    }
    if known.keys() != servers.unread.keys():
        # The record has changed since the profile was read.
        return servers.whole()
    said = (server for each in known.values() for server in each.at(rip))
    return in_order([*servers.read, *said], profile)


def record_with(servers: Sequence[RealServer], profile: DirectorProfile, book: Book) -> Record:
    """Return the record in which `servers`, which are all at one RIP, are objects."""
    if not isinstance(profile.real_servers, PartlyRead):
        # What has been read need not be made once more.
        return book.load(profile.real_servers)
    services, rips = {it.service.key for it in servers}, {str(it.key[-2]) for it in servers}
    (rip,) = rips
    return taken_apart(book.load(folding=True), owner_of(profile), services, rip)
