"""The commands that a director and a real server have in common: plan, apply, withdraw."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial, update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli import container
from lvsdr.cli.options import (
    Command,
    lock_option,
    netns_option,
    output_option,
    profile_argument,
    trust_option,
)
from lvsdr.cli.session import Session
from lvsdr.render.results import MOST_SILENCES, Applied, Planned

if TYPE_CHECKING:
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.core.situation import Situation
    from lvsdr.model.profile import Profile
    from lvsdr.model.silence import Silence
    from lvsdr.render.results import Result

Work = Callable[..., int]


def role_command(role: str, work: Work, result: type[Result], *options: Command) -> click.Command:
    """Return the command of a role that does `work`, and shows its `result`.

    It has the name and the docstring of `work`, which takes the session, the path of the profile
    and the role; and the options that every command of a role has, before its own.
    """
    command: Command = update_wrapper(partial(work, role=role), work)
    every: list[Command] = [profile_argument(role), output_option(result), netns_option]
    for add in reversed([*every, trust_option, *options]):
        command = add(command)
    return click.command(work.__name__)(click.pass_obj(command))


def shared(role: str) -> tuple[click.Command, ...]:
    """Return the commands that both roles have, for one of them."""
    return (
        role_command(role, plan, Planned),
        role_command(role, apply, Applied, lock_option),
        role_command(role, withdraw, Applied, lock_option),
    )


def plan(session: Session, profile: Path, role: str) -> int:
    """Show what apply would change; exit 1 if anything."""
    from lvsdr.core.silences import falling_silent
    from lvsdr.core.situation import plan_apply

    wanted = read_profile(session, profile, role)
    with session.kernel() as kernel:
        around = container.host_side(session, wanted, kernel)
        situation = plan_apply(wanted, kernel, session.book())
        silences = falling_silent(wanted, situation, kernel)
    session.tell((*situation.notes, *map(container.noted, around)))
    session.show(Planned(situation.todo, situation.drift, silences))
    return 1 if situation.todo else 0


def apply(session: Session, profile: Path, role: str) -> int:
    """Make this host what the profile says, or leave it as it was."""
    from lvsdr.core import workflow

    wanted, book = read_profile(session, profile, role), session.book()
    silences: list[Silence] = []
    with book.locked(session.lock_timeout), session.kernel() as kernel:
        around = container.host_side(session, wanted, kernel)
        container.refuse_company(around)

        def beforehand(situation: Situation) -> None:
            silences.extend(_silences(session, wanted, situation, kernel))

        situation = workflow.apply(wanted, kernel, book, session.announcer, beforehand=beforehand)
    session.tell((*situation.notes, *map(container.noted, around)))
    announced = workflow.new_vips(situation.todo) if role == "director" else ()
    session.show(Applied(situation.todo, announced, silences))
    return 0


def _silences(
    session: Session, profile: Profile, situation: Situation, kernel: Kernel
) -> tuple[Silence, ...]:
    """Say what this host will no longer answer for, before it falls silent, or refuse it."""
    from lvsdr.core.silences import falling_silent, refuse
    from lvsdr.model.silence import told

    silences = falling_silent(profile, situation, kernel)
    if getattr(profile, "silences", "warn") == "refuse":
        refuse(silences)
    session.tell(f"warning: {line}" for line in told(silences, MOST_SILENCES))
    return silences


def withdraw(session: Session, profile: Path, role: str) -> int:
    """Give back exactly what was there before the first apply."""
    from lvsdr.core import workflow

    wanted, book = read_profile(session, profile, role), session.book()
    with book.locked(session.lock_timeout), session.kernel() as kernel:
        situation = workflow.withdraw(wanted, kernel, book)
    session.tell(situation.notes)
    session.show(Applied(situation.todo))
    return 0


def read_profile(session: Session, path: Path, role: str) -> Profile:
    """Return the profile of a command; raises ProfileError."""
    from lvsdr.profile.reader import read

    # What root carries out is for root to decide.
    return read(path, role, guarded=os.geteuid() == 0 and not session.allow_insecure_profile)
