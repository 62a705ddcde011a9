"""What keepalived said last to a director's profile: whether this host is to stand by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lvsdr.core.book import Book
from lvsdr.errors import LvsdrError
from lvsdr.keepalived.ledger import Ledger
from lvsdr.keepalived.vrrp_states import Notice
from lvsdr.model.profile import DirectorProfile

STANDBY = frozenset({"BACKUP", "FAULT"})


def last_notice(file: Path, profile: DirectorProfile, book: Book) -> Notice | None:
    """Return what keepalived said last of `profile`, which was read from `file`; None for nothing.

    What was said to another profile counts where that has one of the same VIPs: the VIP would be
    taken from its director as well. Of one host the last word counts, be it of whichever instance.
    """
    told = list(_told(file, profile, book))
    return max(told, key=lambda each: each.number, default=None)


def stands_by(notice: Notice | None) -> bool:
    """Return whether keepalived said that this host is no director: another one may be.

    Not so after a STOP: nobody takes the VIPs from this host then, or gives them to it.
    """
    return notice is not None and notice.state in STANDBY


def _told(file: Path, profile: DirectorProfile, book: Book) -> Iterator[Notice]:
    same = os.path.realpath(file)
    for path, notices in Ledger(book).by_profile().items():
        if os.path.realpath(path) == same or set(_vips(path)) & set(profile.vips):
            yield from notices


def _vips(path: str) -> Iterator[object]:
    from lvsdr.profile.reader import read  # noqa: PLC0415 - where there is another profile

    try:
        yield from read(Path(path), "director").vips
    except LvsdrError:
        # A file that has gone, or says nothing, names no VIP.
        return
