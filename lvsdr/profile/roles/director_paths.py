"""The paths that a director's profile makes: each virtual server over each of its real servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.path import Path
from lvsdr.model.profile import DirectorProfile, ProbeTarget

VERSIONS = {"inet": 4, "inet6": 6}


def paths(profile: DirectorProfile) -> tuple[Path, ...]:
    """Return the paths in the order of the profile."""
    return tuple(path for _, path in paths_of_servers(profile, profile.real_servers))


def foreign_paths(profile: DirectorProfile, servers: Iterable[RealServer]) -> tuple[Path, ...]:
    """Return the paths to real servers that others have put into the services of the profile."""
    return tuple(replace(path, foreign=True) for _, path in paths_of_servers(profile, servers))


def paths_of_servers(
    profile: DirectorProfile, servers: Iterable[RealServer]
) -> Iterator[tuple[RealServer, Path]]:
    """Yield each path to `servers` with the one that it leads to, in their order."""
    targets = {target.service: target for target in profile.probes}
    for server in servers:
        for path in _paths_of(server, profile, targets.get(server.service)):
            yield server, path


def _paths_of(
    server: RealServer, profile: DirectorProfile, target: ProbeTarget | None
) -> Iterator[Path]:
    """Yield the paths to one real server; `target` says what to ask where its service does not."""
    service, method = server.service, server.forwarding_method
    port, protocol = server.port, ""
    if target is not None and not port:
        port, protocol = target.port, target.protocol
    rest = (server.rip, port, method, server.weight, server.tunnel, protocol)
    if target is not None and target.vip is not None and method != "masquerade":
        yield Path(service, target.vip, *rest)
        return
    for vip in _vips(profile, service, method):
        yield Path(service, vip, *rest)


def _vips(
    profile: DirectorProfile, service: Service, method: str
) -> tuple[IPAddress, ...] | tuple[None]:
    """Return the VIPs whose packets a service may send to its real servers.

    Which they are for a firewall mark, the rules of the firewall say: taken
    are those that no virtual server names, or all of them. None: not known.
    """
    if service.vip is not None:
        return (service.vip,)
    if method == "masquerade":
        return (None,)
    version = VERSIONS[service.family]
    own = tuple(vip for vip in profile.vips if vip.version == version)
    named = {server.service.vip for server in profile.virtual_servers}
    return tuple(vip for vip in own if vip not in named) or own or (None,)
