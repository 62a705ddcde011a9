"""What the commands of both roles do: plan, apply, withdraw."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lvsdr.cli import container
from lvsdr.cli.default_profile import default_profile
from lvsdr.cli.session import Session
from lvsdr.cli.silencing import said_beforehand
from lvsdr.model.late_dataclasses import replace
from lvsdr.render.results import Applied, Planned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lvsdr.core.situation import Situation
    from lvsdr.model.folded_servers import KnownText
    from lvsdr.model.profile import Profile
    from lvsdr.model.silence import Silence


def plan(session: Session, profile: Path, role: str) -> int:
    """Show what apply would change; exit 1 if anything."""
    from lvsdr.core.planned_situations import plan_apply
    from lvsdr.core.silences import falling_silent

    wanted = read_profile(session, profile, role)
    with session.kernel() as kernel:
        around = container.host_side(session, wanted, kernel)
        situation = plan_apply(wanted, kernel, session.book())
        silences = falling_silent(wanted, situation, kernel)
    session.tell((*situation.notes, *map(container.noted, around)))
    session.show(Planned(situation.todo, situation.drift, silences=silences))
    return 1 if situation.todo else 0


def apply(session: Session, profile: Path, role: str) -> int:
    """Make this host what the profile says, or leave it as it was."""
    from lvsdr.core import workflow

    wanted, book = read_profile(session, profile, role), session.book()
    silences: list[Silence] = []
    with session.locked(book), session.kernel() as kernel:
        around = container.host_side(session, wanted, kernel)
        container.refuse_company(around)

        def first(planned: Situation) -> None:
            silences.extend(said_beforehand(session, wanted, planned, kernel))

        situation = workflow.apply(
            wanted, kernel, book, session.announcer, first=first, file=profile
        )
    session.tell((*situation.notes, *map(container.noted, around)))
    session.show(Applied(situation.todo, kept=situation.kept, silences=silences))
    return 0


def withdraw(
    session: Session,
    profile: Path,
    role: str,
    name: str | None = None,
    without_record: bool = False,
) -> int:
    """Give back exactly what was there before the first apply."""
    from lvsdr.core import workflow

    wanted = named_or_read(session, profile, role, name)
    with session.locked(session.book()), session.kernel() as kernel:
        situation = workflow.withdraw(wanted, kernel, session.book(), without_record=without_record)
    return given_back(session, situation)


def named_or_read(session: Session, profile: Path, role: str, name: str | None) -> Profile | str:
    """Return the profile of a withdrawal, or ROLE:NAME where it is known by its name alone."""
    if name is not None:
        return f"{role}:{name}"
    return read_profile(session, profile, role, going=True)


def given_back(session: Session, situation: Situation) -> int:
    """Show what a withdrawal has done, and return the exit code."""
    session.tell(situation.notes)
    kept = (*situation.kept, *situation.in_use)
    session.show(Applied(situation.todo, kept=kept, gone=situation.going))
    return 1 if any(each.ours for each in situation.kept) else 0


def read_profile(
    session: Session, path: Path, role: str, *, partly: bool = False, going: bool = False
) -> Profile:
    """Return the profile of a command; raises ProfileError.

    Where it is enough to know it `partly`, real servers that the record knows are not read; where
    it is `going`, nor are those of virtual servers of which one is down.
    """
    from lvsdr.profile.reader import read

    def known() -> Sequence[KnownText]:
        from lvsdr.core.folding import known_texts

        return known_texts(session.book(), down=going) if partly or going else ()

    # What root carries out is for root to decide.
    guarded = os.geteuid() == 0 and not session.allow_insecure_profile
    profile = read(path, role, guarded=guarded, known=known)
    typed = [] if path == default_profile(role) else [str(path.absolute())]
    if session.allow_insecure_profile:
        typed.insert(0, "--allow-insecure-profile")
    if not typed:
        return profile
    import shlex

    return replace(profile, typed=shlex.join(typed))
