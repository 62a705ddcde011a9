"""`lvsdr director keep` and `lvsdr realserver keep`: a resident that keeps the host as applied."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.argument_types import NumberRange
from lvsdr.cli.options import Command, lock_option
from lvsdr.cli.role_commands import role_command
from lvsdr.cli.session import Session
from lvsdr.render.keep_line import KeepLine

if TYPE_CHECKING:
    from lvsdr.cli.keeper_parts import Asked

every_option = click.option(
    "--every",
    metavar="SECONDS",
    type=NumberRange(0.5, 3600),
    default=5.0,
    show_default=True,
    help="How often to look for what the kernel tells nobody of.",
)
fifo_option = click.option(
    "--fifo",
    metavar="FIFO",
    type=click.Path(path_type=Path),
    help="Follow keepalived's notify_fifo as well.",
)
track_option = click.option(
    "--track-files",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Tell keepalived, whose table it is, in a file for each real server.",
)
realserver_option = click.option(
    "--realserver",
    metavar="PROFILE",
    type=click.Path(path_type=Path),
    help="The real server's profile, where this host is both.",
)


def of_a_director() -> click.Command:
    """Return the command keep of a director."""

    def keep(  # noqa: PLR0913, PLR0917 - as many options
        session: Session,
        profile: Path,
        role: str,
        every: float = 5.0,
        fifo: Path | None = None,
        realserver: Path | None = None,
        track_files: Path | None = None,
    ) -> int:
        """Keep this host the director of the profile, or the standby.

        It is the standby where keepalived wants that. What others change is changed back, through
        the same plan as apply; until SIGTERM. Where the profile has health, real servers that do
        not serve get no clients until they do again.
        """
        from lvsdr.cli.keeper_parts import Asked

        return _run(session, Asked(role, profile, every, fifo, realserver, track_files))

    mine: tuple[Command, ...] = (every_option, fifo_option, realserver_option, track_option)
    return role_command("director", keep, KeepLine, lock_option, *mine)


def of_a_realserver() -> click.Command:
    """Return the command keep of a real server."""

    def keep(session: Session, profile: Path, role: str, every: float = 5.0) -> int:
        """Keep this host a real server of the profile.

        What others change is changed back, through the same plan as apply; until SIGTERM.
        """
        from lvsdr.cli.keeper_parts import Asked

        return _run(session, Asked(role, profile, every))

    return role_command("realserver", keep, KeepLine, lock_option, every_option)


def _run(session: Session, asked: Asked) -> int:
    from lvsdr.cli.hook_process import room_for_descriptors
    from lvsdr.cli.keeper_parts import kept

    room_for_descriptors()
    with kept(session, asked) as resident:
        session.at_rest()
        resident.run()
    return 0
