"""The program: its commands, and what becomes of their errors."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from lvsdr import __version__
from lvsdr.cli.command_table import TABLE, Later, Overview
from lvsdr.cli.session import Session
from lvsdr.core import signals
from lvsdr.errors import Interrupted, LvsdrError, ProfileError

GARBAGE = 200_000
# A shell asks by it what may come next.
COMPLETE = "_LVSDR_COMPLETE"


def _version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        context.ensure_object(Session).write([f"lvsdr, version {__version__}"])
        context.exit()


@click.group(cls=Overview, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Linux Virtual Server direct routing: set up, proven on the wire, taken back.

    Exit codes: 0 as the profile says, 1 it differs, 2 bad usage or profile, 3 refused and undone,
    4 not reached and undone, 5 undoing failed, 6 cannot run here, 7 a bug of lvsdr.
    """


for name, (summary, load) in TABLE.items():
    cli.add_command(Later(name, summary, load))


def run(arguments: Sequence[str], session: Session) -> int:
    """Run one command and return its exit code; every error is reported, bugs of lvsdr too."""
    try:
        return _invoke(arguments, session)
    except Interrupted as interrupted:
        interrupted.notes = interrupted.notes or ["nothing was changed"]
        return session.fail(interrupted)
    except LvsdrError as failure:
        return session.fail(failure)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as bug:  # noqa: BLE001 - exit code 1 would say that the host differs
        from lvsdr.cli.internal_error import internal_error

        session.output = _asked_for(arguments)
        return session.fail(internal_error(bug))


def main() -> None:
    """Run the program."""
    # A table of fifty thousand real servers is no garbage: looking for some takes longer than
    # reading it.
    gc.set_threshold(GARBAGE)
    session = Session()
    _open_streams()
    code = _complete(session) if COMPLETE in os.environ else run(sys.argv[1:], session)
    if session.stopwatch is not None:
        session.tell([session.stopwatch.line()])
    try:
        sys.stdout.flush()
    except OSError as error:
        if not session.lost:
            session.unheard(error)
        # Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _invoke(arguments: Sequence[str], session: Session) -> int:
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
        session.output = _asked_for(arguments)
        return session.fail(_usage(error))
    return code if isinstance(code, int) else 0


def _complete(session: Session) -> int:
    """Let click answer what a shell asks, and return its exit code."""
    try:
        cli.main(prog_name="lvsdr")
    except OSError as error:
        session.unheard(error)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    return 0


def _open_streams() -> None:
    """Give the program somewhere to write to where its caller closed stdout or stderr."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


def _usage(error: click.ClickException) -> ProfileError:
    context = getattr(error, "ctx", None)
    path = "lvsdr" if context is None else context.command_path
    # click sets lists of choices on lines of their own.
    message = " ".join(error.format_message().split()).rstrip(".")
    return ProfileError(message[:1].lower() + message[1:], hints=[f"{path} --help"])


def _asked_for(arguments: Sequence[str]) -> str:
    """Return the format that was asked for where the arguments could not be parsed."""
    from lvsdr.render.output_formats import FORMATS

    words = " ".join(arguments).replace("=", " ")
    asked = (name for name, each in FORMATS.items() if each.tells_errors)
    return next((name for name in asked if f"--format {name}" in words), "text")
