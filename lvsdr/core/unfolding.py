"""Of the real servers that a record knows by fingerprints alone, those that are looked at."""

from __future__ import annotations

from collections.abc import Iterable

from lvsdr.core.record import Record
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key, Object


def unfolded(record: Record, kept: Iterable[str]) -> Record:
    """Return the record in which at most those stay folded that texts with marks `kept` say.

    No two profiles have one of them: what two have to do with is not folded.
    """
    known = set(kept)
    opened = {
        (owner, key): servers
        for owner, some in record.folded.items()
        for key, servers in some.items()
        if servers.mark.said not in known
    }
    if not opened:
        return record
    claims = {each: dict(items) for each, items in record.claims.items()}
    marks = {each: dict(items) for each, items in record.marks.items()}
    baseline = dict(record.baseline)
    for (each, key), servers in opened.items():
        made: dict[Key, Object] = {server.key: server for server in servers.unfolded()}
        for gone in servers.apart:
            # What is an object is as it is claimed, in the place where it was.
            made[gone] = claims[each].pop(gone)
        claims[each].update(made)
        baseline.update(dict.fromkeys(made))
        marks.setdefault(each, {})[key] = servers.mark
    folded = {
        each: {key: servers for key, servers in some.items() if (each, key) not in opened}
        for each, some in record.folded.items()
    }
    return replace(
        record,
        claims=claims,
        baseline=baseline,
        marks=marks,
        folded={each: some for each, some in folded.items() if some},
    )
