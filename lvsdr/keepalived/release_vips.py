"""Releasing VIPs that another host takes now: never undone, whatever fails after it.

Two directors that answer are worse than none, and than a table that stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from lvsdr.core import signals
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.workflow import without_undo
from lvsdr.errors import LvsdrError
from lvsdr.keepalived.host_roles import HostAccess, Report
from lvsdr.model.change import Change, Plan
from lvsdr.model.host import Host
from lvsdr.model.objects import Address, Key
from lvsdr.model.profile import DirectorProfile


def release_vips(profile: DirectorProfile, host: Host, access: HostAccess, report: Report) -> None:
    """Take the VIPs of `profile` from its link, with whatever prefix length."""
    held = [ip for ip in host.addresses_of(profile.interface) if ip.ip in profile.vips]
    keys = [Address(profile.interface, ip).key for ip in held]
    report.changes += _released(keys, access.kernel)


def release_recorded_vips(
    failure: LvsdrError, access: HostAccess, timeout: float, but: Callable[[], bool] = lambda: False
) -> None:
    """Take all directors' VIPs from their links; say on `failure`, for which it is done, what was.

    For a standby whose profile nobody can read: what the record knows of it is enough. Not done
    where `but` is true once the lock is held.
    """
    signals.ignore_signals()
    try:
        with access.book.locked(timeout):
            gone = () if but() else _released(_recorded(access), access.kernel)
    except LvsdrError as another:
        failure.notes += [another.message, *another.notes]
    else:
        failure.notes += [f"{each.subject} was taken away all the same" for each in gone]
        failure.notes += [] if gone else ["no VIP of a director's profile was on a link"]


def _recorded(access: HostAccess) -> list[Key]:
    return [
        each.key
        for owner, objects in access.book.load().claims.items()
        if owner.startswith("director:")
        for each in objects.values()
        if isinstance(each, Address)
    ]


def _released(keys: Collection[Key], kernel: Kernel) -> Plan:
    todo = tuple(Change(item, None) for item in kernel.observe(keys).values())
    return without_undo(todo, kernel)
