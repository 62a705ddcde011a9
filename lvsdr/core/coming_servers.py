"""Real servers that come with virtual servers which are new: they are planned in one piece.

Nobody has seen any of them yet, neither the kernel nor the record: there is nothing to be compared,
nothing to be given back, and none of them is out of service.
"""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.core.book import Book
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.planned_situations import plan_apply, plan_known
from lvsdr.core.record import Record
from lvsdr.core.situation import Situation
from lvsdr.core.unfolding import unfolded
from lvsdr.model.folded_servers import ComingServers, ReadInColumns, in_columns
from lvsdr.model.host import Host
from lvsdr.model.ipvs import SERVER_KINDS, VirtualServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key
from lvsdr.model.profile import DirectorProfile, Profile


def plan_together(
    profile: Profile, kernel: Kernel, book: Book, host: Host | None = None
) -> Situation:
    """Return what `plan_apply` does; all real servers of a table that is new, by their services."""
    here = kernel.read_host() if host is None else host
    known = _with_coming(profile, book)
    if known is not None:
        situation = plan_known(profile, known, kernel, here)
        if _come_alone(situation):
            return situation
    return plan_apply(profile, kernel, book, host=here)


def _with_coming(profile: Profile, book: Book) -> tuple[Profile, Record] | None:
    """Return the profile with its real servers in one piece by their services, and the record.

    None where the record has to do with one of these services, or where which of the real servers
    are wanted is not known before all have been looked at.
    """
    servers = profile.real_servers
    if not isinstance(profile, DirectorProfile) or not isinstance(servers, ReadInColumns):
        return None
    if not profile.writes_table or profile.sorry_servers:
        return None
    record = book.load(folding=True)
    known = set(_services(record))
    if any(each.service.key in known for each in servers.pieces):
        return None
    return replace(profile, real_servers=ComingServers(servers.pieces)), unfolded(record, ())


def _come_alone(situation: Situation) -> bool:
    """Return whether no service is there whose real servers are planned in one piece."""
    return not any(
        (VirtualServer.kind, *item.service.key) in situation.observed
        for item in situation.desired.values()
        if in_columns(item)
    )


def _services(record: Record) -> Iterator[Key]:
    """Yield the services with which a record has to do, by Service.key."""
    owned = (*record.drained.values(), *record.down.values())
    every = (record.baseline, record.claimed_keys(), *owned)
    yield from (key[1:4] for keys in every for key in keys if key[0] in SERVER_KINDS)
    yield from (key for some in record.folded.values() for key in some)
