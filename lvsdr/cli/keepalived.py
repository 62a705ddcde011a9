"""`lvsdr keepalived`: what keepalived's hooks call, and its configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from lvsdr.cli.nonblocking_output import NonblockingOutput
from lvsdr.cli.options import lock_option, netns_option, output_option, trust_option
from lvsdr.cli.role import read_profile
from lvsdr.cli.session import Session
from lvsdr.core import signals
from lvsdr.errors import LvsdrError

if TYPE_CHECKING:
    from lvsdr.core.kernel_protocol import Kernel
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
@output_option("text", "json")
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

    try:
        notice = checked(Notice(type_, name, state, priority, told_at=hook_started_at()))
        with _modest_umask(), session.kernel() as kernel:
            outcome = follow(
                notice,
                lambda: roles_of(session, director, realserver),
                _access(session, kernel, Ledger(session.book(), _identity(director))),
                session.lock_timeout,
            )
    except LvsdrError as failure:
        _telling(session, log).syslog(failure.message, *failure.notes, error=True)
        raise
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
@output_option("text", "json")
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
    from lvsdr.keepalived.following import Following
    from lvsdr.keepalived.keepalived_process import lives
    from lvsdr.keepalived.ledger import Ledger
    from lvsdr.keepalived.telling import ToldLater

    with (
        _modest_umask(),
        _ended_by_signals() as wake,
        _unhurried(session) as (say, flush),
        Fifo(fifo, wake) as pipe,
        session.kernel() as kernel,
    ):
        ledger = Ledger(session.book(), _identity(director), name, pipe.waiting)
        following = Following(
            _access(session, kernel, ledger),
            lambda: roles_of(session, director, realserver),
            session.lock_timeout,
            ToldLater(_telling(session, log, say)),
            lives,
        )
        following.read_profiles()
        for lines in pipe.batches():
            following.take(lines, has_writer=pipe.has_writer)
            flush()
        session.tell([f"{pipe.torn} torn lines left out"] if pipe.torn else [])
    return 0


@contextmanager
def _unhurried(session: Session) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """Give what prints a line, and what writes all that was printed or complained about.

    Only as far as somebody reads it: a transition does not wait for people.
    """
    out, err = NonblockingOutput(), NonblockingOutput(errors=True)
    before, session.complain = session.complain, err.say

    def write(done: Callable[[NonblockingOutput], int]) -> None:
        try:
            left_out = done(out)
        except OSError as error:
            session.unheard(error)
        else:
            session.tell([f"{left_out} lines left out: nobody read them"] if left_out else [])
        # Whoever closed stderr does not want to know.
        with suppress(OSError):
            done(err)

    try:
        yield out.say, lambda: write(NonblockingOutput.flush)
    finally:
        write(NonblockingOutput.end)
        session.complain = before


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


@contextmanager
def _modest_umask() -> Iterator[None]:
    """Let files and folders be what lvsdr makes them: keepalived's hooks have the umask 0177."""
    before = os.umask(0o027)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _ended_by_signals() -> Iterator[int]:
    """Give a descriptor that can be read once a signal has asked us to end.

    A transition that is under way is finished first: it takes milliseconds.
    """
    readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def ask(_number: int, _frame: FrameType | None) -> None:
        with suppress(BlockingIOError):
            os.write(writable, b"!")

    try:
        with signals.handled(ask):
            yield readable
    finally:
        os.close(readable)
        os.close(writable)
