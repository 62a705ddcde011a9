"""The segment is asked who has the VIPs before a director takes them."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lvsdr.cli.session import Session
from lvsdr.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.core.situation import Situation
    from lvsdr.model.host import Host
    from lvsdr.model.profile import DirectorProfile
    from lvsdr.proof.take_over import Ask


@contextmanager
def asking(session: Session, profile: DirectorProfile | None, host: Host) -> Iterator[Ask]:
    """Ask the segment who has the VIPs that `profile` will probably take, while that is planned.

    Gives what has asked that question already; any other it asks when it is asked.
    """
    # What keepalived brings is not taken, and a host that holds all has nothing to ask.
    vips = () if profile is None or profile.vips_owner != "lvsdr" else profile.vips
    new = profile is not None and any(profile.interface not in host.links_with(it) for it in vips)
    # A gateway's address is refused, and nobody is asked for it.
    if profile is None or not new or not set(vips).isdisjoint(session.next_hops()):
        yield session.ask_briefly
        return
    from lvsdr.core.meanwhile import Meanwhile
    from lvsdr.proof.take_over import question_for

    likely = question_for(profile, vips, host)
    with Meanwhile(partial(session.ask_briefly, likely)) as meanwhile:
        yield lambda it: meanwhile.result() if it == likely else session.ask_briefly(it)


def asked(  # noqa: PLR0913, PLR0917 - who asks whom of what
    session: Session,
    file: Path,
    profile: DirectorProfile,
    kernel: Kernel,
    planned: Situation,
    briefly: Ask,
) -> tuple[str, ...]:
    """Ask the segment who has the VIPs that are to be taken; raise CannotRun where others do."""
    from lvsdr.core.workflow import new_vips

    vips = new_vips(planned.todo)
    if not vips:
        return ()
    import shlex

    from lvsdr.proof.take_over import Asking, refuse_taken

    try:
        ways = Asking(briefly, session.ask, session.next_hops)
        return refuse_taken(profile, vips, kernel.read_host(), ways)
    except CannotRun as refused:
        refused.hints = refused.hints or [f"lvsdr verify {shlex.quote(str(file))}"]
        raise
