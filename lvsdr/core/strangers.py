"""What others have put into the table of a director: no profile names it, and lvsdr leaves it."""

from __future__ import annotations

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.record import owner_of
from lvsdr.core.situation import Situation
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.objects import Object
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.profile.roles.foreign_servers import foreign_real_servers, foreign_services


def foreign_services_of(
    profile: Profile, situation: Situation, kernel: Kernel
) -> tuple[VirtualServer, ...]:
    """Return the virtual servers of the profile's VIPs that no profile of this host names."""
    if not isinstance(profile, DirectorProfile) or not profile.virtual_servers:
        return ()
    ours = situation.record.baseline
    return tuple(foreign_services(profile, kernel.virtual_servers(), ours))


def foreign_servers_of(
    profile: Profile, situation: Situation, kernel: Kernel
) -> tuple[Object, ...]:
    """Return these, and the real servers of the profile's services that none names."""
    services = foreign_services_of(profile, situation, kernel)
    if not isinstance(profile, DirectorProfile) or not profile.virtual_servers:
        return services
    # What is folded has nothing beside what its profile names.
    folded = situation.record.folded.get(owner_of(profile), {})
    keys = [it.key for it in profile.virtual_servers if it.service.key not in folded]
    if folded:
        items = situation.desired.values()
        looked_at = tuple(item for item in items if isinstance(item, RealServer))
        profile = replace(profile, real_servers=looked_at)
    there = kernel.children(keys, situation.desired).values()
    servers = [item for item in there if isinstance(item, RealServer)]
    if not servers:
        # As before a first apply: those of the profile need not be objects to be none of these.
        return services
    ours = situation.record.baseline
    return (*services, *foreign_real_servers(profile, servers, ours))
