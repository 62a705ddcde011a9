"""A standby whose profile nobody can read: what the record knows of it is enough to let go."""

from __future__ import annotations

from collections.abc import Callable

from lvsdr.core import signals
from lvsdr.errors import LvsdrError
from lvsdr.keepalived.host_roles import Host
from lvsdr.model.change import Change, Plan
from lvsdr.model.objects import Address


def release_recorded_vips(
    failure: LvsdrError, host: Host, timeout: float, but: Callable[[], bool] = lambda: False
) -> None:
    """Take all directors' VIPs from their links; say on `failure`, for which it is done, what was.

    Another host becomes the director now, and two that answer are worse than a table that stays.
    Not done where `but` is true once the lock is held.
    """
    signals.deafen()
    try:
        with host.book.locked(timeout):
            gone = () if but() else _taken(host)
    except LvsdrError as another:
        failure.notes.append(another.message)
    else:
        failure.notes += [f"{each.subject} was taken away all the same" for each in gone]
        failure.notes += [] if gone else ["no VIP of a director's profile was on a link"]


def _taken(host: Host) -> Plan:
    claims = host.book.load().claims
    held = [
        each.key
        for owner, objects in claims.items()
        if owner.startswith("director:")
        for each in objects.values()
        if isinstance(each, Address)
    ]
    todo = tuple(Change(item, None) for item in host.kernel.observe(held).values())
    host.kernel.require(todo)
    host.kernel.execute(todo)
    return todo
