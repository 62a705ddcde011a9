"""Whether a director's host is to stand by, as keepalived says: for each command of a director."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lvsdr.cli.session import Session
from lvsdr.errors import CannotRun
from lvsdr.model.folded_servers import ReadInColumns

if TYPE_CHECKING:
    from collections.abc import Callable

    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.core.situation import Situation
    from lvsdr.keepalived.vrrp_states import Notice
    from lvsdr.model.finding import Finding
    from lvsdr.model.profile import DirectorProfile


def keepalived_said(session: Session, file: Path, profile: DirectorProfile) -> Notice | None:
    """Return what keepalived said last of the profile; None where it has said nothing."""
    book = session.book()
    if not (book.root / f"{book.namespace}.keepalived").exists():
        # As on most hosts; a plan need not pay for what keepalived's words are made of.
        return None
    from lvsdr.keepalived.standby_state import last_notice

    return last_notice(file, profile, book)


def standby(session: Session, file: Path, profile: DirectorProfile) -> str:
    """Return BACKUP or FAULT where keepalived said so last, else nothing; tell people."""
    said = keepalived_said(session, file, profile)
    state = state_of(said)
    if said is not None and state:
        session.tell([f"standby ({spoken(said)}): this host is looked at as one"])
    return state


def state_of(said: Notice | None) -> str:
    """Return BACKUP or FAULT where keepalived said so last, else nothing."""
    return said.state if said is not None and is_standby(said) else ""


def is_standby(said: Notice | None) -> bool:
    """Return whether keepalived said that this host is to stand by."""
    if said is None:
        return False
    from lvsdr.keepalived.standby_state import stands_by

    return stands_by(said)


def spoken(said: Notice) -> str:
    """Return keepalived's word, and of which instance it was said."""
    return f"keepalived: {said.state}, {said.key}"


def refuse_standby(said: Notice | None) -> None:
    """Raise CannotRun where keepalived said that this host is to stand by."""
    if not is_standby(said):
        return
    assert said is not None, "nothing that was said makes a standby"
    raise CannotRun(
        f"cannot make this host the director: it stands by ({spoken(said)})",
        notes=[
            "nothing was changed: while another host is the director, a second one resets its"
            " connections",
            "keepalived moves the VIPs where it is stopped on the active director; with"
            " --even-on-standby it is not heeded",
        ],
        hints=["lvsdr keepalived status"],
    )


def planned(
    profile: DirectorProfile,
    kernel: Kernel,
    session: Session,
    standby_state: str,
    *,
    adopt: bool = False,
) -> Situation:
    """Return what is between this host and the profile: as a standby where it is one."""
    if adopt and not standby_state:
        from lvsdr.core.adoption import plan_adoption

        return plan_adoption(profile, kernel, session.book())
    if not standby_state:
        return plans_apply(profile)(profile, kernel, session.book())
    from lvsdr.core.planned_situations import plan_standby

    return plan_standby(profile, kernel, session.book())


def plans_apply(profile: DirectorProfile) -> Callable[..., Situation]:
    """Return what plans an apply; many real servers of a table that is new it plans together."""
    if isinstance(profile.real_servers, ReadInColumns):
        from lvsdr.core.coming_servers import plan_together

        return plan_together
    from lvsdr.core.planned_situations import plan_apply

    return plan_apply


def vip_gateways(session: Session, profile: DirectorProfile) -> tuple[Finding, ...]:
    """Return which VIPs of the profile are gateways of the host whose namespace this is."""
    gateways = session.next_hops()
    if not set(profile.vips).intersection(gateways):
        # As on every host but a broken one; a plan need not pay for the rules.
        return ()
    from lvsdr.rules.host import vip_gateways as rules

    return tuple(rules.vip_gateways(profile.vips, profile.interface, gateways))
