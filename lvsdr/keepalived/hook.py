"""One hook of keepalived's: written down, then carried out if it is still the newest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from time import monotonic, sleep

from lvsdr.errors import CannotRun, LvsdrError
from lvsdr.keepalived import release_vips
from lvsdr.keepalived.host_roles import Host, Report, Roles
from lvsdr.keepalived.ledger import Entry, Ledger
from lvsdr.keepalived.notice import MASTER, Notice
from lvsdr.keepalived.transition import enter

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
    notice: Notice, born: int, profiles: Callable[[], Roles], host: Host, timeout: float
) -> Outcome:
    """Carry out the newest state of the notice's instance, which may be another one by then.

    Hooks overlap, and come late: one that has waited for the lock takes what was said last, and
    one whose state has been carried out or overtaken in the meantime does nothing. Where another
    director has to stand by first, it is waited for, `host.patience` seconds at most. `profiles`
    reads them: where it raises, a host that is to stand by lets go of its VIPs all the same.
    """
    ledger = ledger_of(host)
    mine = ledger.tell(notice.key, notice.state, born)
    try:
        roles = profiles()
    except LvsdrError as failure:
        if not _leads(ledger):
            release_vips.release_recorded_vips(failure, host, timeout, but=lambda: _leads(ledger))
        raise
    outcome = _followed(notice, mine, roles, host, timeout)
    until = monotonic() + host.patience
    while outcome.report.waits and monotonic() < until:
        # Its hook may have begun when ours did. Without the lock: it may be our turn to go.
        sleep(AGAIN)
        outcome = _again(outcome, roles, host, timeout)
    return outcome


def ledger_of(host: Host) -> Ledger:
    """Return what keepalived said to the director's profile of `host`."""
    return Ledger(host.book, host.profile)


def entered(key: str, entry: Entry, roles: Roles, host: Host) -> Report:
    """Carry out an entry, and write down that this was done; the lock of `host.book` is held."""
    report = enter(entry.state, roles, host)
    if not report.waits:
        ledger_of(host).settle(key, entry)
    return report


def _followed(notice: Notice, mine: Entry, roles: Roles, host: Host, timeout: float) -> Outcome:
    ledger = ledger_of(host)
    with host.book.locked(timeout):
        newest = ledger.newest(notice.key) or mine
        if newest.settled:
            same = newest.number == mine.number
            done = "was done" if same else f"is older than {newest.state}, which was done"
            return Outcome(notice, None, reason=f"{done} by another run")
        later = ledger.later(notice.key, newest)
        # One that is not done may have been killed: rather two directors' turns than none.
        if later is not None and later[1].settled:
            ledger.settle(notice.key, newest)
            done = f"is older than {later[0]} {later[1].state}, which was done by another run"
            return Outcome(notice, None, reason=done)
        report = entered(notice.key, newest, roles, _looking(host, newest))
    reason = "" if newest.state == notice.state else f"overtaken by {newest.state}"
    return Outcome(notice, newest.state, report, reason)


def _again(outcome: Outcome, roles: Roles, host: Host, timeout: float) -> Outcome:
    """Carry out once more what waits, unless that is no longer what this host is to be."""
    ledger, key = ledger_of(host), outcome.notice.key
    with ExitStack() as turn:
        try:
            turn.enter_context(host.book.locked(min(timeout, AGAIN)))
        except CannotRun:
            # It has become the director: whoever is at it, there is time until the next look.
            return outcome
        newest = ledger.newest(key)
        if newest is None or newest.settled or ledger.later(key, newest) is not None:
            if newest is not None:
                ledger.settle(key, newest)
            return replace(outcome, report=replace(outcome.report, waits=False))
        report = entered(key, newest, roles, _looking(host, newest))
    return replace(outcome, state=newest.state, report=outcome.report.followed_by(report))


def _looking(host: Host, entry: Entry) -> Host:
    """Return the host, which looks for what other hooks write down while `entry` is done."""
    ledger = ledger_of(host)

    def overtaken() -> bool:
        said = [each.state for each in ledger.entries().values() if each.after(entry)]
        return bool(said) and (said[-1] == MASTER) != (entry.state == MASTER)

    return replace(host, overtaken=overtaken)


def _leads(ledger: Ledger) -> bool:
    """Return whether the last that was said is MASTER."""
    return [each.state for each in ledger.entries().values()][-1:] == [MASTER]
