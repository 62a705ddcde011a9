"""What a verify of this host finds, as a director or as a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvsdr.cli import container, director_state
from lvsdr.cli.session import Session

if TYPE_CHECKING:
    from lvsdr.model.profile import DirectorProfile, RealServerProfile
    from lvsdr.proof.verification import Verdict


def director_verdict(
    session: Session, profile: DirectorProfile, standby: str, *, paths: bool = True
) -> Verdict:
    """Return what is found of a director, or of one on `standby`: BACKUP or FAULT, or empty."""
    from lvsdr.proof import verification

    probe = session.probe if paths else None
    with session.kernel() as kernel:
        around = (
            *container.host_side(session, profile, kernel),
            *director_state.vip_gateways(session, profile),
        )
        if standby:
            verdict = verification.standby(profile, kernel, session.book(), session.ask, probe)
        else:
            verdict = verification.director(
                profile, kernel, session.book(), session.ask, probe, hear=session.hear
            )
    verdict = container.typed_here(verdict, session.netns)
    return verdict.with_findings(around)


def realserver_verdict(session: Session, profile: RealServerProfile) -> Verdict:
    """Return what is found of a real server."""
    from lvsdr.proof import verification

    with session.kernel() as kernel:
        around = container.host_side(session, profile, kernel)
        verdict = verification.realserver(profile, kernel, session.book(), session.ask_hops)
    verdict = container.typed_here(verdict, session.netns)
    return verdict.with_findings(around)
