"""The record as it is written: what a drain has taken apart is folded again."""

from __future__ import annotations

from operator import attrgetter

from lvsdr.core.record import Record

_apart = attrgetter("apart")


def as_written(record: Record) -> Record:
    """Return the record in which nothing is taken apart."""
    if not any(any(map(_apart, some.values())) for some in record.folded.values()):
        return record
    # Only a drain does that.
    from lvsdr.core.taken_apart import folded_again  # noqa: PLC0415

    return folded_again(record)
