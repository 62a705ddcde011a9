"""What a state of keepalived's means for this host: take over as the director, or stand by."""

from __future__ import annotations

from functools import partial

from lvsdr.core import signals, workflow
from lvsdr.core.failed_applies import failure_written_down
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.plan_order import to_take_over
from lvsdr.core.planned_situations import plan_apply, plan_standby
from lvsdr.core.record import owner_of
from lvsdr.errors import LvsdrError
from lvsdr.keepalived import rivals
from lvsdr.keepalived.announcing import announce, interruptible_announcer
from lvsdr.keepalived.host_roles import HostAccess, Report, Roles
from lvsdr.keepalived.release_vips import release_vips
from lvsdr.keepalived.vrrp_states import FAULT, MASTER
from lvsdr.model.address import IPAddress
from lvsdr.model.host import Host
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.profile import DirectorProfile


def enter_state(
    state: str, roles: Roles, access: HostAccess, report: Report | None = None
) -> Report:
    """Make this host what keepalived's `state` asks for; raise where it cannot.

    The director's part comes first: clients wait for it. The real server's part is done even
    where the first one failed. `report` is filled as far as that goes, whatever is raised.
    """
    report = Report() if report is None else report
    try:
        _directed(state, roles, access, report)
        _serve(roles, access, report)
    except LvsdrError as failure:
        if report.changes:
            failure.notes.append(f"what was done for {state} before that stays:")
            failure.notes += [f"{each.sign} {each.subject}" for each in report.changes]
        raise
    return report


def _directed(state: str, roles: Roles, access: HostAccess, report: Report) -> None:
    try:
        if state == MASTER:
            _take_over(roles, access, report)
        else:
            _stand_by(roles, access, report, heard=state != FAULT)
    except LvsdrError as failure:
        try:
            _serve(roles, access, report)
        except LvsdrError as another:
            failure.notes.append(another.message)
        raise


def _take_over(roles: Roles, access: HostAccess, report: Report) -> None:
    profile = roles.director
    host = access.kernel.read_host()
    others = rivals.spared(profile, host, access.book) if roles.realserver is not None else ()
    if not others:
        _lead(profile, access, report)
        _tell(profile, access, report)
        return
    if not _leads(profile, host, access.kernel):
        report.silent_since = None
        _lead(rivals.resting(profile, others), access, report)
        _tell(profile, access, report)
    alone_before = report.silent_since is not None
    held = rivals.held_back(profile, others, access, report)
    _lead(rivals.resting(profile, held), access, report)
    if report.silent_since is not None and not alone_before:
        # Whoever has been silent since may have led somebody astray before.
        announce(profile, access)


def _lead(profile: DirectorProfile, access: HostAccess, report: Report) -> None:
    announced: list[IPAddress] = []
    announcer = partial(interruptible_announcer, access, announced)
    plan_it = partial(plan_apply, order=to_take_over)
    situation = workflow.apply(profile, access.kernel, access.book, announcer, plan_it)
    report.add(situation)
    report.announced += tuple(announced)


def _leads(profile: DirectorProfile, host: Host, kernel: Kernel) -> bool:
    """Return whether this host is the director already, but perhaps for a weight."""
    keys = [each.key for each in profile.virtual_servers] + rivals.master_daemons(profile)
    here = all(host.holder_on_wire(vip, profile.interface) for vip in profile.vips)
    return here and len(kernel.observe(keys)) == len(keys)


def _tell(profile: DirectorProfile, access: HostAccess, report: Report) -> None:
    """Announce what keepalived has brought: since it did, somebody may have been led astray."""
    if profile.vips_owner == "keepalived":
        report.announced += announce(profile, access)


def _stand_by(roles: Roles, access: HostAccess, report: Report, *, heard: bool = True) -> None:
    """Give up what a director has; `heard`: another one hears of it, and frames still arrive."""
    profile = roles.director
    # keepalived stops its hooks a second after it was told to stop itself; a standby that is
    # half a director is worse than one that ends late.
    signals.ignore_signals()
    report.silent_since = None
    host = access.kernel.read_host()
    if profile.vips_owner == "lvsdr":
        release_vips(profile, host, access, report)
    spared = heard and roles.both_schedule
    if spared:
        rivals.serve(profile, host, access, report)
    with failure_written_down(owner_of(profile), None, access.book):
        situation = plan_standby(profile, access.kernel, access.book, spared=spared)
        try:
            workflow.converge(situation, access.kernel, access.book)
        except LvsdrError as failure:
            if profile.standby == "synced":
                # With the table and without the daemon, it would schedule what the other one sends.
                empty = replace(profile, standby="empty")
                _stand_by(replace(roles, director=empty), access, report, heard=False)
                failure.notes.append("the table was emptied in place of that")
            raise
    report.add(situation)


def _serve(roles: Roles, access: HostAccess, report: Report) -> None:
    """Let the host be silent, and hold the VIPs on the holder, in whichever state.

    On the active director too: IPVS delivers to its own host whatever link the VIP is on, and
    when another takes over, the VIP is where it has to be without a moment between.
    """
    if roles.realserver is not None:
        with failure_written_down(owner_of(roles.realserver), None, access.book):
            situation = plan_apply(roles.realserver, access.kernel, access.book, roles.director)
            workflow.converge(situation, access.kernel, access.book)
        report.add(situation)
