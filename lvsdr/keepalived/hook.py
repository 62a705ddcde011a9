"""One hook of keepalived's: written down, then carried out if it is still the newest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import monotonic, sleep

from lvsdr.keepalived.ledger import Entry, Ledger
from lvsdr.keepalived.notice import Notice
from lvsdr.keepalived.roles import Host, Report, Roles
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


def follow(notice: Notice, born: int, roles: Roles, host: Host, timeout: float) -> Outcome:
    """Carry out the newest state of the notice's instance, which may be another one by then.

    Hooks overlap, and come late: one that has waited for the lock takes what was said last, and
    one whose state has been carried out or overtaken in the meantime does nothing. Where another
    director has to stand by first, it is waited for, `host.patience` seconds at most.
    """
    outcome = _followed(notice, born, roles, host, timeout)
    until = monotonic() + host.patience
    while outcome.report.waits and monotonic() < until:
        # Its hook may have begun when ours did. Without the lock: it may be our turn to go.
        sleep(AGAIN)
        again = finish(notice.key, roles, host, timeout)
        if again is None:
            break
        report = outcome.report.followed_by(again.report)
        outcome = replace(outcome, state=again.state, report=report)
    return outcome


def _followed(notice: Notice, born: int, roles: Roles, host: Host, timeout: float) -> Outcome:
    ledger = Ledger(host.book)
    mine = ledger.tell(notice.key, notice.state, born)
    with host.book.locked(timeout):
        newest = ledger.newest(notice.key) or mine
        if newest.settled:
            done = (
                "was done"
                if newest.number == mine.number
                else f"is older than {newest.state}, which was done"
            )
            return Outcome(notice, None, reason=f"{done} by another run")
        report = _entered(ledger, notice.key, newest, roles, host)
    reason = "" if newest.state == notice.state else f"overtaken by {newest.state}"
    return Outcome(notice, newest.state, report, reason)


def finish(key: str, roles: Roles, host: Host, timeout: float) -> Outcome | None:
    """Carry out what was said of an instance, where a run failed at it or was killed."""
    ledger = Ledger(host.book)
    with host.book.locked(timeout):
        newest = ledger.newest(key)
        if newest is None or newest.settled:
            return None
        report = _entered(ledger, key, newest, roles, host)
    kind, _, name = key.partition(" ")
    return Outcome(Notice(kind, name, newest.state), newest.state, report)


def _entered(ledger: Ledger, key: str, entry: Entry, roles: Roles, host: Host) -> Report:
    report = enter(entry.state, roles, host)
    if not report.waits:
        ledger.settle(key, entry)
    return report
