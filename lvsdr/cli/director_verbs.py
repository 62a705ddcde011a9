"""`lvsdr director plan` and `apply`: they heed the standby, and who has the VIPs already."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lvsdr.cli import container, director_state
from lvsdr.cli.role_verbs import given_back, named_or_read, read_profile
from lvsdr.cli.role_verbs import withdraw as give_back
from lvsdr.cli.segment_asked import asked, asking
from lvsdr.cli.session import Session
from lvsdr.cli.silencing import said_beforehand
from lvsdr.errors import CannotRun
from lvsdr.model.late_dataclasses import replace
from lvsdr.render.results import Applied, Planned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.core.situation import Situation
    from lvsdr.keepalived.vrrp_states import Notice
    from lvsdr.model.change import Kept
    from lvsdr.model.profile import DirectorProfile
    from lvsdr.model.silence import Silence


def plan(
    session: Session,
    profile: Path,
    role: str,
    even_on_standby: bool = False,
    adopt: bool = False,
) -> int:
    """Show what apply would change; exit 1 if anything.

    Where keepalived says BACKUP or FAULT, it is shown what a standby lacks.
    """
    from lvsdr.core.silences import falling_silent
    from lvsdr.core.strangers import foreign_servers_of

    wanted = director_profile(session, profile, role, partly=True)
    state = "" if even_on_standby else director_state.standby(session, profile, wanted)
    with session.kernel() as kernel:
        around = (
            *container.host_side(session, wanted, kernel),
            *director_state.vip_gateways(session, wanted),
        )
        situation = director_state.planned(wanted, kernel, session, state, adopt=adopt)
        notes, kept = _adoption(situation, kernel) if adopt and not state else ((), ())
        kernel.know(situation.todo)
        foreign = foreign_servers_of(wanted, situation, kernel)
        silences = falling_silent(wanted, situation, kernel)
    session.tell((*situation.notes, *map(container.noted, around), *notes))
    session.show(Planned(situation.todo, situation.drift, foreign, state, silences, kept))
    return 1 if situation.todo else 0


def _adoption(situation: Situation, kernel: Kernel) -> tuple[tuple[str, ...], tuple[Kept, ...]]:
    """Return what people have to know of an adoption, and what would be adopted."""
    from lvsdr.cli import adopting

    return tuple(adopting.refused(situation, kernel)), adopting.adopted(situation, kernel)


def apply(  # noqa: PLR0913, PLR0917 - as many options
    session: Session,
    profile: Path,
    role: str,
    take_over: bool = False,
    even_on_standby: bool = False,
    standby: bool = False,
    adopt: bool = False,
) -> int:
    """Make this host the director of the profile, or change nothing.

    Nothing is changed where another host answers for a VIP that this one has to take, where
    keepalived says BACKUP or FAULT, nor where it has one of the services as well.
    """
    wanted, book = director_profile(session, profile, role, partly=True), session.book()
    with session.locked(book), session.kernel() as kernel:
        around = container.host_side(session, wanted, kernel)
        container.refuse_company(around)
        said = director_state.keepalived_said(session, profile, wanted)
        notes: list[str] = []
        silences: list[Silence] = []
        if standby:
            situation = _stood_by(wanted, profile, kernel, session, said, adopt=adopt)
        else:
            if not even_on_standby:
                director_state.refuse_standby(said)
            unasked = take_over or even_on_standby or _is_master(said)
            situation = _taken_up(session, profile, wanted, kernel, notes, silences, unasked, adopt)
    return _shown(session, situation, (*notes, *map(container.noted, around)), silences)


def _taken_up(  # noqa: PLR0913, PLR0917 - whose profile it is, and what is told of it
    session: Session,
    file: Path,
    profile: DirectorProfile,
    kernel: Kernel,
    notes: list[str],
    silences: list[Silence],
    unasked: bool,
    adopt: bool,
) -> Situation:
    """Make this host the director; but where it is `unasked`, nobody else may have a VIP.

    With `adopt`, what others have set up is taken over. Fills `notes` and `silences`.
    """
    from lvsdr.cli import adopting
    from lvsdr.core import workflow
    from lvsdr.core.one_table import refuse_services_of_keepalived

    host, book = kernel.read_host(), session.book()
    refuse = adopting.refuse_what_others_have if adopt else refuse_services_of_keepalived

    def first(planned: Situation) -> None:
        refuse(planned, kernel)
        if not unasked:
            notes.extend(asked(session, file, profile, kernel, planned, briefly))
        silences.extend(said_beforehand(session, profile, planned, kernel))

    planned = director_state.plans_apply(profile)
    plan_it = adopting.plan_adoption if adopt else partial(planned, host=host)
    with asking(session, None if unasked else profile, host) as briefly:
        situation = workflow.apply(
            profile, kernel, book, session.announcer, plan_it, first=first, file=file
        )
    return replace(situation, kept=adopting.adopted(situation, kernel)) if adopt else situation


def withdraw(  # noqa: PLR0913, PLR0917 - as many options
    session: Session,
    profile: Path,
    role: str,
    name: str | None = None,
    without_record: bool = False,
    leave: bool = False,
) -> int:
    """Give back exactly what was there before the first apply."""
    if not leave:
        return give_back(session, profile, role, name, without_record)
    from lvsdr.core import workflow
    from lvsdr.core.failed_applies import forget
    from lvsdr.core.withdrawal import plan_leaving

    wanted, book = named_or_read(session, profile, role, name), session.book()
    with session.locked(book), session.kernel() as kernel:
        situation = plan_leaving(wanted, kernel, book)
        workflow.converge(situation, kernel, book)
        forget(situation.owner, book)
    return given_back(session, situation)


def _shown(
    session: Session, situation: Situation, notes: Iterable[str], silences: list[Silence]
) -> int:
    from lvsdr.core.workflow import new_vips

    session.tell((*situation.notes, *notes))
    vips = new_vips(situation.todo)
    session.show(Applied(situation.todo, vips, situation.kept, silences))
    return 0


def director_profile(
    session: Session, profile: Path, role: str = "director", *, partly: bool = False
) -> DirectorProfile:
    """Return the profile of a director; raises ProfileError."""
    from lvsdr.model.profile import DirectorProfile

    wanted = read_profile(session, profile, role, partly=partly)
    assert isinstance(wanted, DirectorProfile), "read() holds it to its role"
    return wanted


def _is_master(said: Notice | None) -> bool:
    """Return whether a keepalived that lives here says MASTER: what it says is a transition."""
    if said is None or not said.is_master:
        return False
    from lvsdr.keepalived.keepalived_process import lives

    return lives()


def _stood_by(  # noqa: PLR0913 - whose profile it is, and what keepalived has said
    profile: DirectorProfile,
    file: Path,
    kernel: Kernel,
    session: Session,
    said: Notice | None,
    *,
    adopt: bool,
) -> Situation:
    """Make this host the standby of the profile; raise CannotRun where it is to be none."""
    from lvsdr.core import workflow
    from lvsdr.core.failed_applies import failure_written_down
    from lvsdr.core.record import owner_of

    if adopt:
        import click

        raise click.UsageError("a standby adopts nothing: --adopt and --standby exclude each other")
    if not director_state.is_standby(said):
        word = "keepalived has said nothing of it" if said is None else director_state.spoken(said)
        raise CannotRun(
            f"cannot make this host a standby: it is to be none ({word})",
            hints=["lvsdr keepalived status"],
        )
    with failure_written_down(owner_of(profile), file, session.book()):
        situation = director_state.planned(profile, kernel, session, "standby")
        workflow.converge(situation, kernel, session.book())
    return situation
