"""The commands `lvsdr director plan`, `apply` and `withdraw`, with the options of their own."""

from __future__ import annotations

import click

from lvsdr.cli.director_verbs import apply, plan
from lvsdr.cli.options import Command, lock_option
from lvsdr.cli.role_commands import role_command, withdrawal
from lvsdr.render.results import Applied, Planned

take_over_option = click.option(
    "--take-over",
    is_flag=True,
    help="Take the VIPs without asking who has them.",
)
even_on_standby_option = click.option(
    "--even-on-standby",
    is_flag=True,
    help="Make it the director though keepalived says BACKUP or FAULT.",
)
standby_option = click.option(
    "--standby",
    is_flag=True,
    help="Make it the standby that keepalived says it is.",
)


def of_a_director() -> tuple[click.Command, ...]:
    """Return plan, apply and withdraw of a director."""
    options: tuple[Command, ...] = (take_over_option, even_on_standby_option, standby_option)
    return (
        role_command("director", plan, Planned, even_on_standby_option),
        role_command("director", apply, Applied, lock_option, *options),
        withdrawal("director"),
    )
