"""What a keeper does before its loop begins: the host is made what the profiles say."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from time import monotonic, sleep

from lvsdr.cli import container
from lvsdr.cli.heard_signals import Signals
from lvsdr.cli.session import Session
from lvsdr.cli.silencing import said_beforehand
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.one_table import refuse_services_of_keepalived
from lvsdr.core.situation import Situation
from lvsdr.errors import CannotRun
from lvsdr.keeper.keep_host import Busy, HostKeeper
from lvsdr.keeper.looks import BUSY_FOR
from lvsdr.keeper.service_manager import ServiceManager
from lvsdr.kernel import namespace
from lvsdr.model.profile import Profile


def looked_at_first(
    session: Session, kernel: Kernel, profile: Profile, situation: Situation
) -> None:
    """Look at what `apply` looks at before the first change; raises CannotRun."""
    around = container.host_side(session, profile, kernel)
    container.refuse_company(around)
    refuse_services_of_keepalived(situation, kernel)
    session.tell(map(container.noted, around))
    said_beforehand(session, profile, situation, kernel)


def begin(keepers: Sequence[HostKeeper], patience: float, heard: Signals) -> None:
    """Make the host what the profiles say; raises LvsdrError, also where others are at work."""
    until = monotonic() + patience
    for keeper in keepers:
        while not heard.over:
            try:
                keeper.begin()
            except Busy as busy:
                if monotonic() >= until:
                    raise CannotRun(
                        str(busy), hints=["wait for it to end, or give --lock-timeout SECONDS"]
                    ) from busy
                sleep(BUSY_FOR)
            else:
                break


def service_manager(session: Session) -> ServiceManager:
    """Return what speaks to the service manager, from the namespace in which it listens."""
    if session.left is None:
        return ServiceManager()
    with suppress(CannotRun), namespace.visiting(session.left):
        return ServiceManager()
    return ServiceManager()
