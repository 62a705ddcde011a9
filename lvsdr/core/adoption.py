"""Adoption: what others have set up becomes lvsdr's as it is, and goes when the profile goes.

By the stop of a program that is gone nothing is given back any more: `withdraw` is that stop then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from lvsdr.core.book import Book
from lvsdr.core.foreign_checkers import put_back
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.out_of_service import OutOfService, in_service, serves, service_of
from lvsdr.core.planned_situations import plan_apply, situation_of
from lvsdr.core.situation import Situation
from lvsdr.model.change import Kept
from lvsdr.model.health import REMOVE, WEIGHT, Down
from lvsdr.model.ipvs import SERVER_KINDS, RealServer, VirtualServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Address, Key, Link, Object, Objects
from lvsdr.model.profile import DirectorProfile, Profile

ADOPTED = frozenset({Address.kind, *SERVER_KINDS})
BY = "lvsdr director apply --adopt"
# IFA_F_SECONDARY of linux/if_addr.h: no other address of the link goes with such a one.
SECONDARY = 0x01


def plan_adoption(profile: Profile, kernel: Kernel, book: Book) -> Situation:
    """Return what is between this host and `profile` that takes over what is there already.

    What is as the profile says is not written. Whom a checker that is gone has taken out stays out,
    where others of the service serve: until a check of the profile finds that it serves, or, where
    it has none, until a person lifts its weight. A VIP with a wider prefix goes once it is there as
    a host address, but not where other addresses of the link would go with it.
    """
    situation = plan_apply(profile, kernel, book)
    assert isinstance(profile, DirectorProfile), "real servers have nothing that others check"
    held, wider = _held_back(situation, profile), _wider_vips(profile, kernel)
    if held.drained or held.down or wider:
        situation = _planned_again(situation, profile, kernel, held, wider)
    return replace(situation, adopted=tuple(_adopted(situation)))


def told(situation: Situation, kernel: Kernel) -> Iterator[Kept]:
    """Yield what is adopted, and from whom where a file of its program still tells."""
    items = {item.key: item for item in situation.adopted}
    services = [item for item in items.values() if isinstance(item, VirtualServer)]
    checkers = tuple(kernel.former_checkers()) if services else ()
    numbers: dict[Key, int] = {}
    for key, item in items.items():
        if isinstance(item, RealServer) and service_of(key) in items:
            numbers[service_of(key)] = numbers.get(service_of(key), 0) + 1
    for item in items.values():
        if isinstance(item, VirtualServer):
            count = numbers.get(item.key, 0)
            of = next(
                (f" of {it.program} ({it.place})" for it in checkers if it.has(item.service)), ""
            )
            servers = f" with {count} real server{'s' * (count != 1)}" if count else ""
            yield Kept(item, f"is adopted{servers}{of}")
        elif not isinstance(item, RealServer) or service_of(item.key) not in items:
            yield Kept(item, "is adopted")


def _held_back(situation: Situation, profile: DirectorProfile) -> OutOfService:
    left = situation.record.claims.get(situation.owner, {})
    back = list(put_back(situation.todo, left))
    if not back:
        return OutOfService()
    served = {key[1:4] for key, item in situation.observed.items() if serves(item)}
    drained, down, now = set[Key](), dict[Key, Down](), int(time.time())
    for change in back:
        server, there = change.after, change.before is not None
        assert isinstance(server, RealServer), "it is put back"
        if server.service.key not in served:
            continue
        if profile.health_of(server.service) is not None:
            why = "it had weight 0 when it was adopted" if there else "it was not in the table then"
            down[server.key] = Down(now, why, BY, WEIGHT if there else REMOVE)
        elif there:
            drained.add(server.key)
    return OutOfService(frozenset(drained), down)


def _wider_vips(profile: DirectorProfile, kernel: Kernel) -> Objects:
    """Return the VIPs that are on the interface with a wider prefix, and nothing hangs on."""
    vips = frozenset(profile.vips) if profile.vips_owner == "lvsdr" else frozenset()
    return {
        item.key: item
        for item in kernel.children({(Link.kind, profile.interface)}).values()
        if isinstance(item, Address)
        and item.ip.ip in vips
        and item.ip.network.prefixlen < item.ip.max_prefixlen
        and item.attributes is not None
        and item.attributes.flags & SECONDARY
    }


def _planned_again(
    situation: Situation,
    profile: DirectorProfile,
    kernel: Kernel,
    held: OutOfService,
    wider: Mapping[Key, Object],
) -> Situation:
    desired, here = in_service(situation.desired, held, profile.sorry_servers)
    baseline = {**situation.baseline, **dict.fromkeys((*wider, *here.removed))}
    again = situation_of(situation.owner, desired, baseline, kernel, situation.record)
    out = replace(
        situation.out,
        drained=situation.out.drained | held.drained,
        down={**situation.out.down, **held.down},
        removed={**situation.out.removed, **here.removed},
    )
    return replace(
        situation,
        desired=desired,
        observed=again.observed,
        baseline=again.baseline,
        todo=again.todo,
        in_use=again.in_use,
        out=out,
    )


def _adopted(situation: Situation) -> Iterator[Object]:
    """Yield what is there, and no profile has put there: as it was found."""
    baseline = situation.record.baseline
    for key in situation.desired:
        seen = situation.observed.get(key)
        if key[0] in ADOPTED and seen is not None and baseline.get(key, seen) is not None:
            yield seen
