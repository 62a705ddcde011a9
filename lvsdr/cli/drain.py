"""`lvsdr director drain`: it takes a real server out of service, and with --undo back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lvsdr.cli.role_verbs import read_profile
from lvsdr.cli.session import Session
from lvsdr.core import signals
from lvsdr.errors import Interrupted
from lvsdr.render.results import Drained

if TYPE_CHECKING:
    from lvsdr.core.draining import Standings
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.model.ipvs import RealServer

# Seconds for which the connections of a real server are waited for.
TIMEOUT = 600.0


def drain(  # noqa: PLR0913, PLR0917 - one argument for each option
    session: Session,
    profile: Path,
    rip: str,
    services: tuple[str, ...] = (),
    timeout: float = TIMEOUT,
    persistent: bool = False,
    undo: bool = False,
) -> int:
    """Take a real server out of service.

    Its weight becomes 0, and stays so at the next apply, until --undo. Exit 0 when nothing that
    arrives goes there any more: connections, flows of UDP, and clients that come back to it have
    ended; 1 if some are left at the timeout.
    """
    from lvsdr.core import draining
    from lvsdr.model.profile import DirectorProfile

    wanted, book = read_profile(session, profile, "director", partly=True), session.book()
    assert isinstance(wanted, DirectorProfile), "it is held to its role"
    servers = draining.real_servers_at(wanted, rip, services, book)
    with session.kernel() as kernel:
        # What is done here is done: then signals stop the waiting, and undo nothing.
        with signals.raising(), session.locked(book):
            todo = draining.drain(wanted, servers, kernel, book, undo=undo).todo
        seen: Standings | None = ()
        if not undo:
            seen = _wait(session, servers, kernel, persistent, timeout)
        why = tuple(draining.obstacles(wanted, seen or (), kernel))
    left = seen is None or any(each.left(persistent) for each in seen)
    state = "restored" if undo else "waiting" if left else "drained"
    session.show(Drained(rip, state, todo, seen or (), why))
    return 1 if left else 0


def _wait(
    session: Session,
    servers: tuple[RealServer, ...],
    kernel: Kernel,
    persistent: bool,
    timeout: float,
) -> Standings | None:
    """Return how it stands at the end, None where a signal came before anything was seen.

    A signal ends the wait, and the server stays drained.
    """
    from lvsdr.core import draining

    seen, most = None, 1
    rounds = draining.wait_for_connections(servers, kernel, persistent=persistent, timeout=timeout)
    try:
        with session.bar(f"draining {servers[0].rip}") as progress:
            for seen in rounds:
                left = sum(each.left(persistent) for each in seen)
                most = max(most, left)
                progress(1 - left / most)
    except Interrupted as interrupted:
        session.tell(
            [
                f"{interrupted.message}: no longer waiting; {servers[0].rip} stays drained until"
                f" lvsdr director drain --undo --rip {servers[0].rip}"
            ]
        )
    return seen
