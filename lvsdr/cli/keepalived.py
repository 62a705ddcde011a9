"""`lvsdr keepalived`: what keepalived's hooks call, and its configuration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli import keepalived_hook
from lvsdr.cli.hook_process import ended_by_signals, modest_umask, unhurried_output
from lvsdr.cli.options import lock_option, netns_option, output_option, trust_option, with_options
from lvsdr.cli.session import Session
from lvsdr.render.keepalived_results import Notified

if TYPE_CHECKING:
    from lvsdr.keepalived.following import Following
    from lvsdr.keepalived.host_roles import HostAccess, Roles
    from lvsdr.keepalived.telling import Telling

keepalived = click.Group("keepalived", help="The hooks of keepalived, and its configuration.")

director_option = click.option(
    "--director",
    "director",
    metavar="PROFILE",
    type=click.Path(path_type=Path),
    required=True,
    help="The director's profile.",
)
realserver_option = click.option(
    "--realserver",
    "realserver",
    metavar="PROFILE",
    type=click.Path(path_type=Path),
    help="The real server's profile, where this host is both.",
)
log_option = click.option(
    "--log",
    is_flag=True,
    help="Tell syslog as well: keepalived throws away what hooks print.",
)


keepalived.command(context_settings={"allow_interspersed_args": False})(
    with_options(
        keepalived_hook.notify,
        director_option,
        realserver_option,
        log_option,
        output_option(Notified),
        netns_option,
        trust_option,
        lock_option,
        click.argument("type_", metavar="TYPE", type=click.Choice(["INSTANCE", "GROUP"])),
        click.argument("name", metavar="NAME"),
        click.argument(
            "state",
            metavar="STATE",
            type=click.Choice(["MASTER", "BACKUP", "FAULT", "STOP", "DELETED"]),
        ),
        click.argument("priority", metavar="[PRIORITY]", type=int, required=False),
    )
)


@keepalived.command()
@director_option
@realserver_option
@log_option
@click.option("--name", metavar="NAME", help="Follow this instance or group alone.")
@output_option(Notified)
@netns_option
@trust_option
@lock_option
@click.argument("fifo", metavar="FIFO", type=click.Path(path_type=Path))
@click.pass_obj
def fifo(  # noqa: PLR0913 - as many options
    session: Session,
    *,
    director: Path,
    realserver: Path | None,
    log: bool,
    name: str | None,
    fifo: Path,
) -> int:
    """Follow keepalived's notify_fifo, until SIGTERM.

    Stays there, so that a transition costs milliseconds. What virtual servers say is told on
    standard output.
    """
    from lvsdr.keepalived.fifo import Fifo
    from lvsdr.keepalived.ledger import Ledger

    profiles = partial(keepalived_hook.roles_of, session, director, realserver)
    with (
        keepalived_hook.failure_in_syslog(session, log),
        modest_umask(),
        ended_by_signals() as wake,
        unhurried_output(session) as (say, flush),
        Fifo(fifo, wake) as pipe,
        session.kernel() as kernel,
    ):
        ledger = Ledger(session.book(), keepalived_hook.identity(director), name, pipe.waiting)
        telling = keepalived_hook.telling(session, log, say)
        following = _following(
            session, keepalived_hook.access(session, kernel, ledger), profiles, telling
        )
        following.read_profiles()
        session.at_rest()
        for lines in pipe.batches():
            following.take(lines, has_writer=pipe.has_writer)
            flush()
        session.tell([f"{pipe.torn} torn lines left out"] if pipe.torn else [])
    return 0


def _following(
    session: Session, access: HostAccess, profiles: Callable[[], Roles], telling: Telling
) -> Following:
    """Return what follows the lines of the FIFO."""
    from lvsdr.keepalived.following import Following
    from lvsdr.keepalived.keepalived_process import lives
    from lvsdr.keepalived.telling import ToldLater

    return Following(access, profiles, session.lock_timeout, ToldLater(telling), lives)
