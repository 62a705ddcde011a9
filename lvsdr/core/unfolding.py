"""Of the real servers that a record knows by fingerprints alone, those that are looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from lvsdr.core.record import Record
from lvsdr.model.folded_servers import FoldedServers
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key, Object


def unfolded(record: Record, kept: Iterable[str]) -> Record:
    """Return the record in which at most those stay folded that texts with marks `kept` say.

    No two profiles have one of them: what two have to do with is not folded.
    """
    known = set(kept)
    return _opened(
        record,
        {
            owner: {key: each for key, each in some.items() if each.mark.said not in known}
            for owner, some in record.folded.items()
        },
    )


def unfolded_at(record: Record, services: Set[Key]) -> Record:
    """Return the record in which none of `services`, known by Service.key, is folded.

    Of the others nothing is looked at.
    """
    return _opened(
        record,
        {
            owner: {key: some[key] for key in services if key in some}
            for owner, some in record.folded.items()
        },
    )


def _opened(record: Record, opened: Mapping[str, Mapping[Key, FoldedServers]]) -> Record:
    """Return the record in which the real servers that are `opened` are objects."""
    if not any(opened.values()):
        return record
    claims, marks, folded = dict(record.claims), dict(record.marks), dict(record.folded)
    baseline = dict(record.baseline)
    for owner, some in opened.items():
        if not some:
            continue
        held, known, left = dict(claims[owner]), dict(marks.get(owner, {})), dict(folded[owner])
        for key, servers in some.items():
            made: dict[Key, Object] = {server.key: server for server in servers.unfolded()}
            for gone in servers.apart:
                # What is an object is as it is claimed, in the place where it was.
                made[gone] = held.pop(gone)
            held.update(made)
            baseline.update(dict.fromkeys(made))
            known[key] = servers.mark
            del left[key]
        claims[owner], marks[owner], folded[owner] = held, known, left
    return replace(
        record,
        claims=claims,
        baseline=baseline,
        marks=marks,
        folded={owner: some for owner, some in folded.items() if some},
    )
