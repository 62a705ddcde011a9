"""The option that every command takes: --timings."""

from __future__ import annotations

import click

from lvsdr.cli.session import Session
from lvsdr.cli.stopwatch import start


def offer_timings(command: click.Command) -> None:
    """Give `--timings` to a command, or to all the commands of a group."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            offer_timings(each)
        return
    option = click.Option(
        ["--timings"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_start,
        help="Say on stderr how many seconds each phase took.",
    )
    if not any(each.name == option.name for each in command.params):
        command.params.append(option)


def _start(context: click.Context, _: click.Parameter, value: bool) -> None:
    session = context.find_object(Session)
    if value and session is not None:
        start(session)
