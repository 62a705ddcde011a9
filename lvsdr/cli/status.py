"""`status`: each object of a profile as it is, and what passes through a director's table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli import director_state
from lvsdr.cli.argument_types import NumberRange
from lvsdr.cli.director_verbs import director_profile
from lvsdr.cli.options import netns_option, output_option, profile_argument, trust_option
from lvsdr.cli.role_verbs import read_profile
from lvsdr.cli.session import Session
from lvsdr.errors import Interrupted
from lvsdr.model.late_dataclasses import replace
from lvsdr.render.results import Status

if TYPE_CHECKING:
    from lvsdr.cli.redrawn import Redrawn
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.core.situation import Situation
    from lvsdr.model.client_connections import ConnectionsSeen
    from lvsdr.model.counters import Counted
    from lvsdr.model.last_apply import LastApply
    from lvsdr.model.objects import Key
    from lvsdr.model.profile import DirectorProfile, Profile
    from lvsdr.render.object_rows import Row

EACH = 2.0


@click.command("status")
@click.option(
    "--interval",
    metavar="SECONDS",
    type=NumberRange(0, 3600),
    default=0.0,
    show_default=True,
    help="Measure rates for so long; 0 takes the kernel's own estimate.",
)
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@profile_argument("director")
@output_option(Status)
@netns_option
@trust_option
@click.pass_obj
def status_director(session: Session, profile: Path, interval: float, watch: bool) -> int:
    """Show each object as it is; exit 1 if any differs.

    Virtual and real servers have their connections and rates, and how many clients from beyond the
    segment got no answer.
    """
    wanted = director_profile(session, profile)
    state = director_state.standby(session, profile, wanted)
    code: int | None = None
    try:
        with session.kernel() as kernel, _screen(session, interval, watch) as screen:
            rest = partial(time.sleep, interval or EACH) if screen is None else screen.rest
            for situation, counted in _looks(wanted, kernel, session, interval, watch, state, rest):
                notes = _notes(situation, session.output)
                if code is None and screen is None:
                    session.tell(notes)
                seen = connections_seen(wanted, kernel, state)
                rows = status_rows(wanted, situation, kernel, counted, seen)
                differs = situation.todo or (
                    not wanted.writes_table and any(not each.ok for each in rows)
                )
                code = 1 if differs else 0
                table, last = kernel.table_state(), last_apply_of(session, wanted)
                shown = Status(rows, situation.drift, state, seen, table, last)
                if not (session.show(shown) if screen is None else screen.draw(shown, notes)):
                    break
    except Interrupted:
        if not watch or code is None:
            raise
    return code or 0


@click.command("status")
@profile_argument("realserver")
@output_option(Status)
@netns_option
@trust_option
@click.pass_obj
def status_realserver(session: Session, profile: Path) -> int:
    """Show each object as it is; exit 1 if any differs."""
    from lvsdr.core.planned_situations import plan_apply
    from lvsdr.render import object_rows

    wanted = read_profile(session, profile, "realserver")
    with session.kernel() as kernel:
        situation = plan_apply(wanted, kernel, session.book())
    session.tell(situation.notes)
    rows = list(object_rows.rows(situation.desired, situation.observed))
    session.show(Status(rows, situation.drift, last_apply=last_apply_of(session, wanted)))
    return 1 if situation.todo else 0


def last_apply_of(session: Session, profile: Profile) -> LastApply | None:
    """Return how the last apply of a profile on this host ended."""
    from lvsdr.core.failed_applies import failed_applies, last_apply
    from lvsdr.core.record import owner_of

    book = session.book()
    return last_apply(owner_of(profile), book.load(folding=True), failed_applies(book))


def _notes(situation: Situation, output: str) -> list[str]:
    """Return what people have to know, but for who is down: that stands in the rows."""
    from lvsdr.core.out_of_service import down_notes

    # Among commands there is no row that says it.
    rows = () if output == "commands" else down_notes(situation.out, situation.desired)
    shown = frozenset(rows)
    return [note for note in situation.notes if note not in shown]


def _looks(  # noqa: PLR0913, PLR0917 - what is looked at, and how often
    profile: DirectorProfile,
    kernel: Kernel,
    session: Session,
    interval: float,
    watch: bool,
    standby: str,
    rest: Callable[[], None],
) -> Iterator[tuple[Situation, Counted]]:
    """Yield how it stands, once or again and again, and what was counted."""
    from lvsdr.model.counters import rated

    services = {server.key for server in profile.virtual_servers}
    earlier: Counted | None = None
    then = time.monotonic()
    if interval:
        earlier = kernel.counters(services)
        _pause(session, interval)
    while True:
        now, counted = time.monotonic(), kernel.counters(services)
        rates = rated(counted, earlier, now - then) if earlier is not None else counted
        yield director_state.planned(profile, kernel, session, standby), rates
        if not watch:
            return
        if interval:
            earlier, then = counted, now
        rest()


def _pause(session: Session, seconds: float) -> None:
    """Wait, and tell how far that is."""
    end = time.monotonic() + seconds
    with session.bar("measuring rates") as progress:
        while (rest := end - time.monotonic()) > 0:
            time.sleep(min(0.2, rest))
            progress(1 - rest / seconds)


def connections_seen(profile: DirectorProfile, kernel: Kernel, standby: str) -> ConnectionsSeen:
    """Return what the connections say of clients; nothing on a standby."""
    from lvsdr.model.client_connections import ConnectionsSeen
    from lvsdr.proof.client_traffic import seen_now

    return ConnectionsSeen() if standby else seen_now(profile, kernel)


@contextmanager
def _screen(session: Session, interval: float, watch: bool) -> Iterator[Redrawn | None]:
    """Give the terminal on which status is shown again and again; None for a program, and once."""
    if not watch:
        yield None
        return
    session.at_rest()
    from lvsdr.cli.redrawn import can_redraw, redrawn

    if not can_redraw(session):
        yield None
        return
    with redrawn(session, interval or EACH) as screen:
        yield screen


def status_rows(
    profile: DirectorProfile,
    situation: Situation,
    kernel: Kernel,
    counted: Counted,
    seen: ConnectionsSeen,
) -> list[Row]:
    """Return where each object of a director stands, with its counters and its clients."""
    from lvsdr.core.strangers import foreign_services_of
    from lvsdr.model.ipvs import RealServer, VirtualServer
    from lvsdr.model.objects import keyed
    from lvsdr.render import object_rows

    desired, observed = situation.desired, situation.observed
    if not profile.writes_table:
        # What another writes is looked at all the same.
        theirs = keyed((*profile.virtual_servers, *profile.real_servers))
        desired, observed = {**desired, **theirs}, {**observed, **kernel.observe(theirs.keys())}
    services = [key for key in desired if key[0] == VirtualServer.kind]
    beside = keyed(foreign_services_of(profile, situation, kernel))
    others = {**beside, **kernel.children(services)}
    out = situation.out
    marks: dict[Key, str] = dict.fromkeys(out.drained, object_rows.DRAINED)
    for key in others.keys() - desired.keys():
        marks[key] = object_rows.UNWANTED if key in situation.baseline else object_rows.FOREIGN
    there = (each for each in others.values() if isinstance(each, RealServer))
    shares = seen.shares(there)
    rows = object_rows.rows(
        desired, observed, others, marks, counted, down=out.every, removed=out.removed
    )
    return [replace(row, clients=shares.get(row.subject.key)) for row in rows]
