"""The record as it is written: what a drain has taken apart is folded again."""

from __future__ import annotations

from lvsdr.core.record import Record


def as_written(record: Record) -> Record:
    """Return the record in which nothing is taken apart."""
    if not any(each.apart for some in record.folded.values() for each in some.values()):
        return record
    # Only a drain does that.
    from lvsdr.core.taken_apart import folded_again  # noqa: PLC0415

    return folded_again(record)
