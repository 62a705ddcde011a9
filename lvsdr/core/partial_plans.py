"""Plans for some real servers alone: in service or out of it, and the sorry server with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.out_of_service import OutOfService, in_service, serves, service_of
from lvsdr.core.planned_situations import situation_of
from lvsdr.core.record import Record, owner_of
from lvsdr.core.situation import Situation
from lvsdr.errors import CannotRun
from lvsdr.model.folded_servers import NOT_SAID, Said
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Key, Object, Objects
from lvsdr.model.profile import DirectorProfile, command


def must_be_whole(profile: DirectorProfile, record: Record, doing: str) -> None:
    """Raise CannotRun where a run of the profile never came to its end."""
    if record.intents.get(owner_of(profile)):
        raise CannotRun(
            f"cannot {doing}: its last apply was cut off", hints=[command(profile, "apply")]
        )


def partial_plan(  # noqa: PLR0913, PLR0917 - who is to be as what, and what is known of it
    profile: DirectorProfile,
    servers: Mapping[Key, RealServer],
    out: OutOfService,
    kernel: Kernel,
    record: Record,
    said: Said = NOT_SAID,
) -> Situation:
    """Return what is between this host and one where `servers` are as `out` says, and no more.

    They are as the profile wants them, and their services are there. But for the weight each stays
    as it was left; `said` is what that is from, of services whose texts are known. Raises
    ProfileError where another profile of this host has one of them.
    """
    owner = owner_of(profile)
    left = record.claims.get(owner, {})
    whole = {key: weighed(left.get(key), server) for key, server in servers.items()}
    desired, here = in_service(whole, out)
    record.refuse_conflict(owner, {k: replace(it, weight=0) for k, it in here.removed.items()})
    sorry = dict(_sorry(profile, left, desired, here))
    coming = {key: server for key, server in sorry.items() if server is not None}
    going = {key: record.baseline.get(key) for key, server in sorry.items() if server is None}
    # There is somebody before the last one goes, and until one is back.
    desired = {**coming, **desired}
    baseline = {**dict.fromkeys(here.removed), **going}
    there = {key: left.get(key, item) for key, item in desired.items()}
    situation = situation_of(owner, desired, baseline, kernel, record, likely=there)
    out = replace(out, removed=here.removed)
    return replace(situation, out=out, partial=True, said=said)


def must_be_served(situation: Situation, profile: DirectorProfile, kernel: Kernel) -> None:
    """Raise CannotRun where a real server would come to a virtual server that is not there."""
    coming = [each.after for each in situation.todo if each.before is None]
    servers = [item for item in coming if isinstance(item, RealServer)]
    if not servers:
        return
    there = {each.key for each in kernel.virtual_servers()}
    for server in servers:
        if server.parent_key not in there:
            raise CannotRun(
                f"cannot set the weight of {server.title}: this virtual server is gone",
                notes=["nothing was changed"],
                hints=[command(profile, "apply")],
            )


def weighed(left: Object | None, server: RealServer) -> RealServer:
    """Return a real server as it was left, with the weight that the profile says."""
    return replace(left, weight=server.weight) if isinstance(left, RealServer) else server


def _sorry(
    profile: DirectorProfile, left: Objects, desired: Objects, out: OutOfService
) -> Iterator[tuple[Key, RealServer | None]]:
    """Yield the sorry servers of the services that change: None for one that has to go."""
    changed = {service_of(key) for key in (*desired, *out.removed)}
    spare = {each.key: each for each in profile.sorry_servers if each.parent_key in changed}
    if not spare:
        return
    others = {key: item for key, item in left.items() if key not in out.removed}
    named = {key: item for key, item in {**others, **desired}.items() if key not in spare}
    served = {service_of(key) for key, item in named.items() if serves(item)}
    for key, server in spare.items():
        if server.parent_key not in served:
            yield key, server
        elif key in left:
            yield key, None
