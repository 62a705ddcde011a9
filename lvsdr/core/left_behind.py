"""What may be ours and the record does not know of: said, and left alone unless it is asked for.

A record may have been removed by hand, or written by a version that knew no numbers of links.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.record import Record
from lvsdr.errors import CannotRun
from lvsdr.model.change import Kept
from lvsdr.model.host import Host
from lvsdr.model.ipvs import SERVER_KINDS, RealServer, VirtualServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Address, Link, Object, Objects, Route
from lvsdr.model.profile import Profile
from lvsdr.profile import roles

# What lvsdr leaves like this; a link, or servers, others may have had before.
TELLING = (Address, Route)
UNKNOWN = "stays: it is as the profile says, but no record says that lvsdr has put it there"


def unrecorded(owner: str, profile: Profile, record: Record, kernel: Kernel) -> tuple[Kept, ...]:
    """Return what is there as `profile` says, though the record knows nothing of it."""
    if record.knows(owner):
        return ()
    wanted = roles.footprint(profile)
    others = record.claimed_by_others(owner).keys() | record.given_back.get(owner, frozenset())
    seen = _observed(wanted, kernel)
    found = [
        now
        for key, item in wanted.items()
        if key not in others and (now := seen.get(key)) is not None and _is_it(now, item)
    ]
    telling = any(isinstance(each, TELLING) for each in found)
    return tuple(Kept(each, UNKNOWN, ours=True) for each in found) if telling else ()


def remembering(owner: str, before: Record, after: Record, observed: Objects) -> Record:
    """Return the record `after` a run for `owner`, with what it has given back to others.

    That is as the profile says, and a second withdraw has nothing to say of it. Nor is it given
    back where it was not `observed`: others have taken it away.
    """
    others = {name: keys for name, keys in after.given_back.items() if name != owner}
    if after.knows(owner):
        return replace(after, given_back=others)
    kinds = {each.kind for each in TELLING}
    theirs = {
        key for key, was in before.baseline.items() if key[0] in kinds and before.made(owner, was)
    }
    gone = {key for key in before.baseline_of(owner) if observed.get(key) is None}
    given_back = frozenset(theirs - gone | before.given_back.get(owner, frozenset()))
    return replace(after, given_back={**others, owner: given_back} if given_back else others)


def on_other_links(owner: str, record: Record, kernel: Kernel) -> tuple[Kept, ...]:
    """Return the VIPs that lvsdr put on a link that is gone, and another link has now."""
    made = [
        item
        for key, item in record.claims.get(owner, {}).items()
        if isinstance(item, Address) and record.baseline.get(key) is None
    ]
    return tuple(_elsewhere(made, record, kernel.read_host())) if made else ()


def _elsewhere(made: Iterable[Address], record: Record, host: Host) -> Iterator[Kept]:
    for item in made:
        if item.link in host.links:
            continue
        for held in host.held(item.ip.ip):
            there = Address(held.link, held.ip, scope=held.scope)
            if there.key not in record.baseline and host.speaks_arp(held.link):
                why = f"stays: lvsdr put it on {item.link}, which is gone or has another name now"
                yield Kept(there, why, ours=True)


def _observed(wanted: Objects, kernel: Kernel) -> Objects:
    servers = {key for key in wanted if key[0] in SERVER_KINDS}
    seen = kernel.observe(wanted.keys() - servers)
    try:
        return {**seen, **kernel.observe(servers, wanted)} if servers else seen
    except CannotRun:
        # A kernel without IPVS has no table.
        return seen


def _is_it(now: Object, wanted: Object) -> bool:
    """Return whether an object is the one that a profile leaves; servers may have been set."""
    if isinstance(now, VirtualServer | RealServer):
        return True
    if isinstance(now, Link) and isinstance(wanted, Link):
        return now.link_kind == wanted.link_kind
    return now == wanted
