"""`--netns` names a container: what its host, where the program was started, has to do with it."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from lvsdr.errors import CannotRun
from lvsdr.model.late_dataclasses import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lvsdr.cli.session import Session
    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.model.container_host import ContainerHost
    from lvsdr.model.finding import Finding
    from lvsdr.model.path import Proof
    from lvsdr.model.profile import Profile
    from lvsdr.proof.verification import Verdict

T = TypeVar("T", "Finding", "Proof")


def host_side(session: Session, profile: Profile, kernel: Kernel) -> tuple[Finding, ...]:
    """Return what is wrong on this host for the container that `kernel` is in.

    Nothing without `--netns`, or where the container's cable does not end here.
    """
    host = _container_host(session, profile, kernel)
    if host is None:
        return ()
    from lvsdr.rules.host import container_host_rules

    return tuple(container_host_rules.findings(profile, host))


def _container_host(session: Session, profile: Profile, container: Kernel) -> ContainerHost | None:
    """Return the host of the container that `--netns` names, where it is this one."""
    if session.left is None:
        return None
    from lvsdr.kernel import namespace
    from lvsdr.kernel.linux import LinuxKernel
    from lvsdr.rules.host import container_cable

    inside = container.read_host()
    with ExitStack() as stack:
        try:
            own = stack.enter_context(namespace.visiting(session.left))
        except CannotRun as error:
            # In a user namespace one may enter a container's, and not come back.
            session.tell([f"the host of this container is not looked at: {error.message}"])
            return None
        host = stack.enter_context(LinuxKernel())
        number = host.number_of(own)
        inspect = partial(host.inspect, table=False)
        return container_cable.container_host_of(profile, inside, number, inspect)


def refuse_company(around: Iterable[Finding]) -> None:
    """Raise CannotRun where the container is silent in vain: its host answers for the VIP."""
    for finding in around:
        if finding.rule == "HOST-ANSWERS":
            raise CannotRun(
                f"cannot hold {finding.vip} silently: {finding.message}",
                hints=[text for _, text in finding.remedies],
            )


def typed_here(verdict: Verdict, netns: str | None) -> Verdict:
    """Return a verdict of what `--netns` names, its commands as they are typed outside of it."""
    if netns is None:
        return verdict
    return replace(
        verdict,
        findings=tuple(_from_outside(each, netns) for each in verdict.findings),
        paths=tuple(_from_outside(each, netns) for each in verdict.paths),
    )


def _from_outside(item: T, netns: str) -> T:
    if not item.hint or item.on:
        return item
    import shlex

    enter: list[str] = (
        ["nsenter", f"--net={netns}"] if "/" in netns else ["ip", "netns", "exec", netns]
    )
    return replace(item, hint=shlex.join([*enter, "sh", "-c", item.hint]))


def noted(finding: Finding) -> str:
    """Return a finding as a note to a command that goes on all the same."""
    told = (text for _, text in finding.remedies)
    return "; ".join((f"{finding.rule}: {finding.message}", *told))
