"""What has to be done so that a host is as it was before a profile was first applied."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.core.book import Book
from lvsdr.core.folding import read_already
from lvsdr.core.giving_back import (
    held_by_others,
    left_to_table_owner,
    let_go_of,
    without,
)
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.left_behind import on_other_links, unrecorded
from lvsdr.core.planned_situations import record_of, situation_of
from lvsdr.core.record import Record, owner_of
from lvsdr.core.situation import Situation
from lvsdr.errors import ProfileError
from lvsdr.model.change import Kept
from lvsdr.model.folded_servers import FoldedServers
from lvsdr.model.ipvs import SERVER_KINDS, RealServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import NOTHING, Address, keyed
from lvsdr.model.profile import DirectorProfile, Profile

LEFT = frozenset({Address.kind, *SERVER_KINDS})


def plan_withdrawal(
    profile: Profile, kernel: Kernel, book: Book, *, without_record: bool = False
) -> Situation:
    """Return what is between this host and one that `profile` was never applied to.

    What is there as it says, and no record knows of, stays; or goes, `without_record`.
    """
    owner, known = owner_of(profile), read_already(profile)
    record, going = (
        _with_going(owner, kernel, book, known)
        if _writes_table(profile)
        else (record_of(kernel, book, known), ())
    )
    unknown = unrecorded(owner, profile, record, kernel)
    if without_record and unknown:
        baseline = dict.fromkeys(each.item.key for each in unknown)
        return situation_of(owner, NOTHING, baseline, kernel, record)
    stays = left_to_table_owner(owner, record, profile)
    situation = _withdrawal(owner, kernel, record, stays, going)
    return replace(situation, kept=(*situation.kept, *unknown))


def plan_withdrawal_of(owner: str, kernel: Kernel, book: Book) -> Situation:
    """Return what is between this host and one that knows nothing of ROLE:NAME."""
    record, going = _with_going(owner, kernel, book)
    if not record.knows(owner):
        role, _, name = owner.partition(":")
        owners = {**record.claims, **record.drained, **record.down}
        known = ", ".join(each.replace(":", " ") for each in owners)
        raise ProfileError(
            f"cannot withdraw {role} {name}: the record of this host has no such profile",
            hints=[f"it has: {known or 'none'}"],
        )
    return _withdrawal(owner, kernel, record, going=going)


def plan_leaving(profile: Profile | str, kernel: Kernel, book: Book) -> Situation:
    """Return what is between this host and one on which others have the VIPs and the servers.

    Both stay as they are, and lvsdr forgets them; settings and daemons go back to what they were.
    """
    if isinstance(profile, str):
        owner, record = profile, plan_withdrawal_of(profile, kernel, book).whole.record
    else:
        owner, record = owner_of(profile), record_of(kernel, book, read_already(profile))
    left = {**record.claims.get(owner, {}), **keyed(record.intents.get(owner, ()))}
    stays = (item for key, item in left.items() if key[0] in LEFT)
    return _withdrawal(owner, kernel, record, tuple(Kept(item, "is left") for item in stays))


def _withdrawal(
    owner: str,
    kernel: Kernel,
    record: Record,
    stays: tuple[Kept, ...] = (),
    going: tuple[FoldedServers, ...] = (),
) -> Situation:
    baseline = without(let_go_of(owner, record), stays)
    situation = situation_of(owner, NOTHING, baseline, kernel, record, going=going)
    others = held_by_others(owner, record)
    elsewhere = on_other_links(owner, record, kernel) if record.knows(owner) else ()
    return replace(situation, kept=(*stays, *situation.kept, *others, *elsewhere))


def _with_going(
    owner: str, kernel: Kernel, book: Book, known: Iterable[RealServer] = ()
) -> tuple[Record, tuple[FoldedServers, ...]]:
    """Return the record, and the real servers that go with their services."""
    record = record_of(kernel, book, known, folding=True)
    if not record.folded:
        # As on nearly all hosts.
        return record, ()
    from lvsdr.core.going_servers import going_with_services  # noqa: PLC0415

    return going_with_services(owner, record, kernel)


def _writes_table(profile: Profile) -> bool:
    return not isinstance(profile, DirectorProfile) or profile.writes_table
