"""One hook of keepalived's: written down, then carried out if it is still the newest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic, sleep

from lvsdr.errors import CannotRun, LvsdrError
from lvsdr.keepalived import release_vips
from lvsdr.keepalived.host_roles import HostAccess, Report, Roles
from lvsdr.keepalived.transition import enter_state
from lvsdr.keepalived.vrrp_states import Notice
from lvsdr.model.late_dataclasses import dataclass, field, replace

# How long until it is asked again who else speaks for the VIPs, in seconds.
AGAIN = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a notice: `state` is the one carried out, None where it was dropped."""

    notice: Notice
    state: str | None
    report: Report = field(default_factory=Report)
    reason: str = ""


def follow(
    notice: Notice, profiles: Callable[[], Roles], access: HostAccess, timeout: float
) -> Outcome:
    """Carry out the newest state of the notice's instance, which may be another one by then.

    Hooks overlap, and come late: one that has waited for the lock takes what was said last, and
    one whose state has been carried out or overtaken in the meantime does nothing. Where another
    director has to stand by first, it is waited for, `access.patience` seconds at most. `profiles`
    reads them: where it raises, a host that is to stand by lets go of its VIPs all the same.
    """
    ledger = access.ledger
    mine = ledger.add(notice)
    try:
        roles = profiles()
    except LvsdrError as failure:
        if not ledger.says_master():
            release_vips.release_recorded_vips(failure, access, timeout, but=ledger.says_master)
        raise
    outcome = _followed(mine, roles, access, timeout)
    until = monotonic() + access.patience
    while outcome.report.waits and monotonic() < until:
        # Its hook may have begun when ours did. Without the lock: it may be our turn to go.
        sleep(AGAIN)
        outcome = _again(outcome, roles, access, timeout)
    return outcome


def carry_out(notice: Notice, roles: Roles, access: HostAccess, report: Report) -> None:
    """Carry out a notice, and write down that this was done; the lock of `access.book` is held.

    `report` is filled as far as that goes, whatever is raised.
    """
    access.ledger.begin(notice)
    enter_state(notice.state, roles, access, report)
    if not report.waits:
        access.ledger.settle(notice)


def _followed(mine: Notice, roles: Roles, access: HostAccess, timeout: float) -> Outcome:
    ledger, report = access.ledger, Report()
    with access.book.locked(timeout):
        newest = ledger.newest(mine.key) or mine
        if newest.settled:
            same = newest.number == mine.number
            done = "was done" if same else f"is older than {newest.state}, which was done"
            return Outcome(mine, None, reason=f"{done} by another run")
        later = ledger.later(newest)
        # One that is not done may have been killed: rather two directors' turns than none.
        if later is not None and later.settled:
            ledger.settle(newest)
            done = f"is older than {later}, which was done by another run"
            return Outcome(mine, None, reason=done)
        carry_out(newest, roles, access, report)
    reason = "" if newest.state == mine.state else f"overtaken by {newest.state}"
    return Outcome(mine, newest.state, report, reason)


def _again(outcome: Outcome, roles: Roles, access: HostAccess, timeout: float) -> Outcome:
    """Carry out once more what waits, unless that is no longer what this host is to be."""
    ledger, before = access.ledger, outcome.report
    with ExitStack() as turn:
        try:
            turn.enter_context(access.book.locked(min(timeout, AGAIN)))
        except CannotRun:
            # It has become the director: whoever is at it, there is time until the next look.
            return outcome
        newest = ledger.newest(outcome.notice.key)
        if newest is None or newest.settled or ledger.later(newest) is not None:
            if newest is not None:
                ledger.settle(newest)
            return replace(outcome, report=replace(before, waits=False))
        report = Report(silent_since=before.silent_since)
        carry_out(newest, roles, access, report)
    return replace(outcome, state=newest.state, report=before.followed_by(report))
