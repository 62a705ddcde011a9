"""The commands `lvsdr director plan`, `apply` and `withdraw`, with the options of their own."""

from __future__ import annotations

import click

from lvsdr.cli.director_verbs import apply, plan, withdraw
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
adopt_option = click.option(
    "--adopt",
    is_flag=True,
    help="Take over the VIPs and servers that are there: they go with the profile.",
)
leave_option = click.option(
    "--leave",
    is_flag=True,
    help="Leave the VIPs and servers as they are, and forget them.",
)


def of_a_director() -> tuple[click.Command, ...]:
    """Return plan, apply and withdraw of a director."""
    own: tuple[Command, ...] = (even_on_standby_option, adopt_option)
    return (
        role_command("director", plan, Planned, *own),
        role_command(
            "director", apply, Applied, lock_option, take_over_option, standby_option, *own
        ),
        withdrawal("director", withdraw, leave_option),
    )
