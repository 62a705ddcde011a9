"""What apply says of ARP before it does anything: for which addresses the host falls silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvsdr.cli.journal_priorities import WARNING
from lvsdr.cli.session import Session

if TYPE_CHECKING:
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.core.situation import Situation
    from lvsdr.model.profile import Profile
    from lvsdr.model.silence import Silence


def said_beforehand(
    session: Session, profile: Profile, situation: Situation, kernel: Kernel
) -> tuple[Silence, ...]:
    """Say what this host will no longer answer for, before it falls silent, or refuse it."""
    from lvsdr.core.silences import falling_silent, refuse
    from lvsdr.model.silence import MOST_SILENCES, told

    silences = falling_silent(profile, situation, kernel)
    if getattr(profile, "silences", "warn") == "refuse":
        refuse(silences)
    session.tell((f"warning: {line}" for line in told(silences, MOST_SILENCES)), WARNING)
    return silences
