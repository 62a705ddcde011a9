"""`--netns` names a container: what its host, where the program was started, has to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvsdr.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lvsdr.cli.session import Session
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.model.finding import Finding
    from lvsdr.model.profile import Profile


def host_side(session: Session, profile: Profile, kernel: Kernel) -> tuple[Finding, ...]:
    """Return what is wrong on this host for the container that `kernel` is in.

    Nothing without `--netns`, or where the container's cable does not end here.
    """
    host = session.outside(profile, kernel)
    if host is None:
        return ()
    from lvsdr.rules.host import container_host_rules

    return tuple(container_host_rules.findings(profile, host))


def refuse_company(around: Iterable[Finding]) -> None:
    """Raise CannotRun where the container is silent in vain: its host answers for the VIP."""
    for finding in around:
        if finding.rule == "HOST-ANSWERS":
            raise CannotRun(
                f"cannot hold {finding.vip} silently: {finding.message}",
                hints=[text for _, text in finding.remedies],
            )


def noted(finding: Finding) -> str:
    """Return a finding as a note to a command that goes on all the same."""
    told = (text for _, text in finding.remedies)
    return "; ".join((f"{finding.rule}: {finding.message}", *told))
