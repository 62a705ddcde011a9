"""Some real servers of a virtual server as objects, while the rest of it stays folded.

A drain has to do with one of fifty, in each of a thousand virtual servers; the columns of the
others are on disk, and are copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from lvsdr.core.record import Record
from lvsdr.core.unfolding import unfolded
from lvsdr.core.written_servers import folded_entry
from lvsdr.model import folded_columns
from lvsdr.model.folded_servers import FoldedServers, Mark
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key, Object

NOTHING_LISTED: Mapping[str, str] = {}


def taken_apart(record: Record, owner: str, services: Set[Key], rip: str) -> Record:
    """Return the record in which of `services` of `owner` the real servers at `rip` are objects.

    They are known by Service.key. Where the rest of one cannot stay folded, all of it is objects;
    other services stay as they are. `rip` is written as a key has it.
    """
    parted = {
        key: replace(each, apart={server.key: server for server in each.at(rip)})
        for key, each in record.folded.get(owner, {}).items()
        if key in services and each.place is not None
    }
    kept = {each.mark.said for each in parted.values()}
    for some in record.folded.values():
        kept |= {each.mark.said for key, each in some.items() if key not in services}
    record = unfolded(record, kept)
    if not parted:
        return record
    made = {key: server for each in parted.values() for key, server in each.apart.items()}
    return replace(
        record,
        claims={**record.claims, owner: {**record.claims.get(owner, {}), **made}},
        baseline={**record.baseline, **dict.fromkeys(made)},
        folded={**record.folded, owner: {**record.folded[owner], **parted}},
    )


def folded_again(
    record: Record, listed: Mapping[str, str] = NOTHING_LISTED, said: Set[str] = frozenset()
) -> Record:
    """Return the record in which nothing is taken apart: each virtual server is folded, or is not.

    One stays folded whose real servers are claimed as they were, or with weight 0 where `listed`
    has by what the kernel's list of them is known now, by the fingerprint of their text; with
    another weight where that is what is `said` now.
    """
    folded: dict[str, dict[Key, FoldedServers]] = {}
    back: list[Key] = []
    for owner, some in record.folded.items():
        folded[owner] = {}
        for key, each in some.items():
            now = [record.claims[owner].get(it) for it in each.apart]
            again = _again(each, now, listed.get(each.mark.said), each.mark.said in said)
            folded[owner][key] = again or each
            back += each.apart if again else ()
    gone = frozenset(back)
    claims = {
        owner: {key: item for key, item in held.items() if key not in gone}
        for owner, held in record.claims.items()
    }
    baseline = {key: before for key, before in record.baseline.items() if key not in gone}
    record = replace(record, claims=claims, baseline=baseline, folded=folded)
    every = (each for some in folded.values() for each in some.values())
    return unfolded(record, {each.mark.said for each in every if not each.apart})


def _again(
    each: FoldedServers, now: list[Object | None], listed: str | None, said: bool
) -> FoldedServers | None:
    """Return real servers folded of which some are claimed as they are `now`; None where not.

    What they are known by is `said` now, or was some time.
    """
    if now == list(each.apart.values()):
        return replace(each, apart={}) if each.apart else each
    servers = [item for item in now if isinstance(item, RealServer)]
    if listed is None or len(servers) < len(each.apart):
        return None
    weights = list(zip(servers, each.apart.values(), strict=True))
    if any(replace(server, weight=was.weight) != was for server, was in weights):
        return None
    # Who is back may have the weight of another text.
    if not said and any(server.weight not in (0, was.weight) for server, was in weights):
        return None
    entry = folded_columns.weighed(each.unfolded.whole(), servers)
    mark = Mark(each.mark.said, listed, each.mark.count)
    return folded_entry({**entry, "listed": listed}, each.service, mark)
