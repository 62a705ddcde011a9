"""`lvsdr status`: what is applied on this host, as the record knows it; no profile is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from lvsdr.cli.options import netns_option, output_option
from lvsdr.cli.session import Session
from lvsdr.render.results import AppliedProfiles

if TYPE_CHECKING:
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.core.record import Record
    from lvsdr.model.last_apply import LastApply
    from lvsdr.model.objects import Key, Objects
    from lvsdr.render.object_rows import AppliedProfile


@click.command("status")
@output_option(AppliedProfiles)
@netns_option
@click.pass_obj
def status(session: Session) -> int:
    """Show what is applied on this host; exit 1 if any differs.

    Each profile with its role, its name, the file that it came from, and what lvsdr has set up for
    it.
    """
    from lvsdr.core.failed_applies import failed_applies
    from lvsdr.core.planned_situations import record_of

    book = session.book()
    with session.kernel() as kernel:
        record = record_of(kernel, book)
        profiles = list(_profiles(record, failed_applies(book), kernel))
    session.tell(record.notes)
    session.show(AppliedProfiles(profiles))
    return 0 if all(each.ok for each in profiles) else 1


def _profiles(
    record: Record, failed: Mapping[str, LastApply], kernel: Kernel
) -> Iterator[AppliedProfile]:
    from lvsdr.core.failed_applies import last_apply
    from lvsdr.model.plain_data import real_server_of
    from lvsdr.render import object_rows

    known = {*record.claims, *record.intents, *record.drained, *record.down}
    for owner in sorted({*known, *failed}):
        held = record.claims.get(owner, {})
        down = record.down.get(owner, {})
        gone = {key: real_server_of(key) for key in down if key not in held and _of(held, key)}
        drained = record.drained.get(owner, frozenset()) & held.keys()
        marks = dict.fromkeys(drained, object_rows.DRAINED)
        seen = kernel.observe(held.keys(), held)
        others = kernel.observe(gone.keys())
        role, _, name = owner.partition(":")
        origin, last = record.origins.get(owner), last_apply(owner, record, failed)
        yield object_rows.AppliedProfile(
            role,
            name,
            (origin.file if origin is not None else last.file if last is not None else "") or None,
            None if origin is None else origin.applied,
            list(object_rows.rows(held, seen, others, marks, down=down, removed=gone)),
            owner in record.intents,
            last,
        )


def _of(held: Objects, key: Key) -> bool:
    """Return whether a real server is of a service that is there: a standby has none."""
    return ("virtual_server", *key[1:4]) in held
