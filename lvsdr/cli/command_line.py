"""The command line as click reads it: its commands, and what becomes of click's own errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from lvsdr import __version__
from lvsdr.cli.command_table import TABLE, Later, Overview
from lvsdr.cli.session import Session
from lvsdr.core import signals
from lvsdr.errors import ProfileError


def _version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        # Which of several it is, where one was installed beside another.
        place, python = Path(__file__).parents[2], ".".join(map(str, sys.version_info[:3]))
        told = f"lvsdr, version {__version__}, from {place} (Python {python})"
        context.ensure_object(Session).write([told])
        context.exit()


@click.group(cls=Overview, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and where it runs from, and exit.",
)
def cli() -> None:
    """Linux Virtual Server direct routing: set up, proven on the wire, taken back.

    Exit codes: 0 as the profile says, 1 it differs, 2 bad usage or profile, 3 refused and undone,
    4 not reached and undone, 5 undoing failed, 6 cannot run here, 7 a bug of lvsdr.
    """


for name, (summary, load) in TABLE.items():
    cli.add_command(Later(name, summary, load))


def invoke(arguments: Sequence[str], session: Session) -> int:
    """Run one command and return its exit code; click's complaints are reported."""
    try:
        # Not cli.main(): that one has its own way with what is raised on purpose.
        with signals.raising(), cli.make_context("lvsdr", list(arguments), obj=session) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        session.complain(*error.format_message().splitlines())
        return ProfileError.exit_code
    except click.ClickException as error:
        from lvsdr.cli.asked_format import asked_for

        session.output = asked_for(arguments)
        session.nagios = "--nagios" in arguments
        return session.fail(_usage(error))
    return code if isinstance(code, int) else 0


def complete(session: Session) -> int:
    """Let click answer what a shell asks, and return its exit code."""
    try:
        cli.main(prog_name="lvsdr")
    except OSError as error:
        session.unheard(error)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    return 0


def _usage(error: click.ClickException) -> ProfileError:
    context = getattr(error, "ctx", None)
    path = "lvsdr" if context is None else context.command_path
    # click sets lists of choices on lines of their own.
    message = " ".join(error.format_message().split()).rstrip(".")
    return ProfileError(message[:1].lower() + message[1:], hints=[f"{path} --help"])
