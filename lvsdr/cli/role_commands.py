"""The commands that a director and a real server have in common: plan, apply, withdraw."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import TYPE_CHECKING

import click

from lvsdr.cli.options import (
    Command,
    lock_option,
    name_option,
    netns_option,
    output_option,
    profile_argument,
    trust_option,
    with_options,
    without_record_option,
)
from lvsdr.cli.role_verbs import apply, plan, withdraw
from lvsdr.render.results import Applied, Planned

if TYPE_CHECKING:
    from lvsdr.render.results import Result

Work = Callable[..., int]


def role_command(role: str, work: Work, result: type[Result], *options: Command) -> click.Command:
    """Return the command of a role that does `work`, and shows its `result`.

    It has the name and the docstring of `work`, which takes the session, the path of the profile
    and the role; and the options that every command of a role has, before its own.
    """
    command: Command = update_wrapper(partial(work, role=role), work)
    every = (profile_argument(role), output_option(result), netns_option, trust_option)
    return click.command(work.__name__)(with_options(command, *every, *options))


def of_a_realserver() -> tuple[click.Command, ...]:
    """Return plan, apply and withdraw of a real server; a director has some of its own."""
    return (
        role_command("realserver", plan, Planned),
        role_command("realserver", apply, Applied, lock_option),
        withdrawal("realserver"),
    )


def withdrawal(role: str, work: Work = withdraw, *more: Command) -> click.Command:
    """Return the command withdraw of a role, with `more` options of its own."""
    options: tuple[Command, ...] = (lock_option, name_option, without_record_option, *more)
    return role_command(role, work, Applied, *options)
