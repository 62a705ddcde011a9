"""What others have put into a director's table: into our services, and beside them for our VIPs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.objects import Key
from lvsdr.model.profile import DirectorProfile


def foreign_services(
    profile: DirectorProfile, there: Iterable[VirtualServer], ours: Collection[Key]
) -> Iterator[VirtualServer]:
    """Yield the virtual servers of the profile's VIPs that no profile names.

    `ours` are the keys of what any profile of this host names.
    """
    vips, own = set(profile.vips), {server.service for server in profile.virtual_servers}
    for server in there:
        service = server.service
        if service.vip in vips and service not in own and server.key not in ours:
            yield server


def foreign_real_servers(
    profile: DirectorProfile, there: Iterable[RealServer], ours: Collection[Key]
) -> Iterator[RealServer]:
    """Yield the real servers of the profile's services that no profile names."""
    named = {server.key for server in (*profile.real_servers, *profile.sorry_servers)}
    for server in in_our_services(profile, there):
        if server.key not in named and server.key not in ours:
            yield server


def in_our_services(profile: DirectorProfile, there: Iterable[RealServer]) -> Iterator[RealServer]:
    """Yield the real servers of the profile's services, whoever has put them there."""
    services = {server.service for server in profile.virtual_servers}
    yield from (server for server in there if server.service in services)


def foreign(
    profile: DirectorProfile, host: Host, ours: Collection[Key]
) -> tuple[tuple[VirtualServer, ...], tuple[RealServer, ...]]:
    """Return the virtual and the real servers of an inspected host that no profile names."""
    return (
        tuple(foreign_services(profile, host.virtual_servers, ours)),
        tuple(foreign_real_servers(profile, host.real_servers, ours)),
    )
