"""What `lvsdr keepalived notify` does, and what it has in common with the reader of the FIFO."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lvsdr.cli.hook_process import modest_umask
from lvsdr.cli.plain_output import echo
from lvsdr.cli.role_verbs import read_profile
from lvsdr.cli.session import Session
from lvsdr.errors import LvsdrError

if TYPE_CHECKING:
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.keepalived.host_roles import HostAccess, Roles
    from lvsdr.keepalived.ledger import Ledger
    from lvsdr.keepalived.telling import Telling


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
    """Do what a state of keepalived's asks for.

    Take over as the director, or stand by. For notify in keepalived.conf, which adds TYPE,
    NAME, STATE and PRIORITY.
    """
    from lvsdr.keepalived.hook import follow
    from lvsdr.keepalived.keepalived_process import hook_started_at
    from lvsdr.keepalived.ledger import Ledger
    from lvsdr.keepalived.vrrp_states import Notice, checked

    with failure_in_syslog(session, log), modest_umask():
        notice = checked(Notice(type_, name, state, priority, told_at=hook_started_at()))
        with session.kernel() as kernel:
            outcome = follow(
                notice,
                partial(roles_of, session, director, realserver),
                access(session, kernel, Ledger(session.book(), identity(director))),
                session.lock_timeout,
            )
    telling(session, log).outcome(outcome)
    if outcome.report.waits:
        session.tell(["it was waited for in vain: run this again, or use lvsdr keepalived fifo"])
        return 1
    return 0


@contextmanager
def failure_in_syslog(session: Session, log: bool) -> Iterator[None]:
    """Tell syslog too of the error that ends the block, a bug of lvsdr's among them."""
    try:
        yield
    except LvsdrError as failure:
        telling(session, log).syslog(failure.message, *failure.notes, error=True)
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as bug:
        from lvsdr.cli.internal_error import internal_error

        told = internal_error(bug)
        telling(session, log).syslog(told.message, *told.notes, error=True)
        raise told from bug


def telling(session: Session, log: bool, say: Callable[[str], None] = echo) -> Telling:
    """Return what tells people; its imports a hook can do without until it has done its work."""
    from lvsdr.keepalived.telling import Telling

    return Telling(session, log, say)


def access(session: Session, kernel: Kernel, ledger: Ledger) -> HostAccess:
    """Return what transitions reach the host by."""
    from lvsdr.keepalived.host_roles import HostAccess

    return HostAccess(kernel, ledger, session.announcer, session.ears)


def identity(director: Path) -> str:
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
