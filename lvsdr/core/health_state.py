"""What a keeper has found of real servers: out of service or back, in one batch, and recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lvsdr.core.book import Book
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.out_of_service import out_of_service
from lvsdr.core.partial_plans import must_be_whole, partial_plan, weighed
from lvsdr.core.record import Record, owner_of
from lvsdr.core.situation import Situation
from lvsdr.core.unfolding import unfolded_at
from lvsdr.core.workflow import converge
from lvsdr.model.health import REMOVE, Down
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key
from lvsdr.model.profile import DirectorProfile

Servers = Mapping[Key, RealServer]


def set_down(
    profile: DirectorProfile,
    changes: Mapping[Key, Down | None],
    kernel: Kernel,
    book: Book,
    servers: Servers | None = None,
) -> Situation:
    """Take real servers out as `changes` says, None: back into service; or leave all and raise.

    `changes` are by the keys of real servers of the profile. Nothing else of it is touched but the
    sorry servers of their services, and no drift is mended: of what is not in the table, the record
    alone says so. That is so on a standby whose table is empty, where others have taken a virtual
    server away, and for weight 0 of a real server that they have. A real server that was never
    applied, though its service was, is passed over. Whoever is drained stays out.

    `servers` are those of the profile by their keys, for whoever has them at hand: of very many
    they are not sought then. Returns how it stood before. Raises CannotRun where an apply was cut
    off, ProfileError where another profile of this host has one of them too.
    """
    situation = plan_down(profile, changes, kernel, book, servers)
    converge(situation, kernel, book)
    return situation


def plan_down(
    profile: DirectorProfile,
    changes: Mapping[Key, Down | None],
    kernel: Kernel,
    book: Book,
    servers: Servers | None = None,
) -> Situation:
    """Return what is between this host and one where `changes` are done; touch nothing."""
    record = _record_for(changes, book)
    must_be_whole(profile, record, f"change what serves of profile {profile.name}")
    if servers is None:
        servers = {each.key: each for each in profile.real_servers if each.key in changes}
    named = {key: servers[key] for key in changes if key in servers}
    return _plan(profile, changes, named, kernel, record)


def _record_for(keys: Iterable[Key], book: Book) -> Record:
    """Return the record, in which the services of `keys` are not folded."""
    return unfolded_at(book.load(folding=True), {key[1:4] for key in keys})


def _plan(
    profile: DirectorProfile,
    changes: Mapping[Key, Down | None],
    named: Servers,
    kernel: Kernel,
    record: Record,
) -> Situation:
    owner = owner_of(profile)
    before = out_of_service(owner, record)
    known = {key: server for key, server in named.items() if _is_known(server, owner, record)}
    told = {key: each for key, each in changes.items() if each is None or key in known}
    every = {**before.down, **told}
    out = replace(before, down={key: each for key, each in every.items() if each is not None})
    claims = record.claims.get(owner, {})
    applied = {key: it for key, it in known.items() if it.parent_key in claims}
    there = kernel.observe({key for it in applied.values() for key in (it.key, it.parent_key)})
    # Whom others have taken away does not come back to have weight 0.
    lost = {
        key
        for key in applied.keys() - there.keys()
        if _is_weight(out.down.get(key)) and not _is_removed(before.down.get(key))
    }
    touched = {key: it for key, it in applied.items() if it.parent_key in there and key not in lost}
    situation = partial_plan(profile, touched, out, kernel, record)
    absent = dict(_as_left(applied.keys() - touched.keys(), applied, situation))
    return replace(situation, out=replace(situation.out, lifted=absent))


def _is_known(server: RealServer, owner: str, record: Record) -> bool:
    """Return whether a real server was applied with its service, or its service was not."""
    claims = record.claims.get(owner, {})
    removed = server.key in record.down.get(owner, {}) and server.key in record.baseline
    return server.key in claims or removed or server.parent_key not in claims


def _is_removed(down: Down | None) -> bool:
    return down is not None and down.action == REMOVE


def _is_weight(down: Down | None) -> bool:
    return down is not None and down.action != REMOVE


def _as_left(
    keys: Iterable[Key], applied: Mapping[Key, RealServer], situation: Situation
) -> Iterator[tuple[Key, RealServer]]:
    """Yield how the record has what others have taken away: as it would be if it were there."""
    left = situation.record.claims.get(situation.owner, {})
    for key in keys:
        down, server = situation.out.down.get(key), weighed(left.get(key), applied[key])
        if down is None or _is_weight(down):
            yield key, replace(server, weight=0) if situation.out.has(key) else server
