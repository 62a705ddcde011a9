"""`lvsdr keepalived`: what keepalived's hooks call, and its configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.hook_process import ended_by_signals, modest_umask, unhurried_output
from lvsdr.cli.options import lock_option, netns_option, output_option, trust_option
from lvsdr.cli.role_commands import read_profile
from lvsdr.cli.session import Session
from lvsdr.errors import LvsdrError
from lvsdr.render.results import Notified

if TYPE_CHECKING:
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.keepalived.following import Following
    from lvsdr.keepalived.host_roles import HostAccess, Roles
    from lvsdr.keepalived.ledger import Ledger
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


@keepalived.command(context_settings={"allow_interspersed_args": False})
@director_option
@realserver_option
@log_option
@output_option(Notified)
@netns_option
@trust_option
@lock_option
@click.argument("type_", metavar="TYPE", type=click.Choice(["INSTANCE", "GROUP"]))
@click.argument("name", metavar="NAME")
@click.argument(
    "state", metavar="STATE", type=click.Choice(["MASTER", "BACKUP", "FAULT", "STOP", "DELETED"])
)
@click.argument("priority", metavar="[PRIORITY]", type=int, required=False)
@click.pass_obj
def notify(  # noqa: PLR0913 - as many arguments as keepalived gives, and options
    session: Session,
    *,
    director: Path,
    realserver: Path | None,
    log: bool,
    type_: str,
    name: str,
    state: str,
    priority: int | None,
) -> int:
    """Do what a state of keepalived's asks for: take over as the director, or stand by.

    For notify in keepalived.conf, which adds TYPE, NAME, STATE and PRIORITY.
    """
    from lvsdr.keepalived.hook import follow
    from lvsdr.keepalived.keepalived_process import hook_started_at
    from lvsdr.keepalived.ledger import Ledger
    from lvsdr.keepalived.vrrp_states import Notice, checked

    with _failure_in_syslog(session, log), modest_umask():
        notice = checked(Notice(type_, name, state, priority, told_at=hook_started_at()))
        with session.kernel() as kernel:
            outcome = follow(
                notice,
                partial(roles_of, session, director, realserver),
                _access(session, kernel, Ledger(session.book(), _identity(director))),
                session.lock_timeout,
            )
    _telling(session, log).outcome(outcome)
    if outcome.report.waits:
        session.tell(["it was waited for in vain: run this again, or use lvsdr keepalived fifo"])
        return 1
    return 0


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

    profiles = partial(roles_of, session, director, realserver)
    with (
        _failure_in_syslog(session, log),
        modest_umask(),
        ended_by_signals() as wake,
        unhurried_output(session) as (say, flush),
        Fifo(fifo, wake) as pipe,
        session.kernel() as kernel,
    ):
        ledger = Ledger(session.book(), _identity(director), name, pipe.waiting)
        telling = _telling(session, log, say)
        following = _following(session, _access(session, kernel, ledger), profiles, telling)
        following.read_profiles()
        for lines in pipe.batches():
            following.take(lines, has_writer=pipe.has_writer)
            flush()
        session.tell([f"{pipe.torn} torn lines left out"] if pipe.torn else [])
    return 0


@contextmanager
def _failure_in_syslog(session: Session, log: bool) -> Iterator[None]:
    """Tell syslog too of the error that ends the block, a bug of lvsdr's among them."""
    try:
        yield
    except LvsdrError as failure:
        _telling(session, log).syslog(failure.message, *failure.notes, error=True)
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as bug:
        from lvsdr.cli.internal_error import internal_error

        told = internal_error(bug)
        _telling(session, log).syslog(told.message, *told.notes, error=True)
        raise told from bug


def _following(
    session: Session, access: HostAccess, profiles: Callable[[], Roles], telling: Telling
) -> Following:
    """Return what follows the lines of the FIFO."""
    from lvsdr.keepalived.following import Following
    from lvsdr.keepalived.keepalived_process import lives
    from lvsdr.keepalived.telling import ToldLater

    return Following(access, profiles, session.lock_timeout, ToldLater(telling), lives)


def _telling(session: Session, log: bool, say: Callable[[str], None] = click.echo) -> Telling:
    """Return what tells people; its imports a hook can do without until it has done its work."""
    from lvsdr.keepalived.telling import Telling

    return Telling(session, log, say)


def _access(session: Session, kernel: Kernel, ledger: Ledger) -> HostAccess:
    """Return what transitions reach the host by."""
    from lvsdr.keepalived.host_roles import HostAccess

    return HostAccess(kernel, ledger, session.announcer, session.ears)


def _identity(director: Path) -> str:
    """Return what tells a profile from others; two paths of it are two profiles."""
    return str(director.absolute())


def roles_of(session: Session, director: Path, realserver: Path | None) -> Roles:
    """Read the profiles that say what this host is."""
    from lvsdr.keepalived.host_roles import Roles
    from lvsdr.model.profile import DirectorProfile, RealServerProfile

    first = read_profile(session, director, "director")
    assert isinstance(first, DirectorProfile), "it is held to its role"
    if realserver is None:
        return Roles(first)
    second = read_profile(session, realserver, "realserver")
    assert isinstance(second, RealServerProfile), "it is held to its role"
    return Roles(first, second)
