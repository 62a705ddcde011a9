"""What is checked, and how: each path of a director's profile whose service has health checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvsdr.keeper.path_states import Checked
from lvsdr.model.address import IPAddress
from lvsdr.model.health import CommandCheck, Health
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.objects import Key
from lvsdr.model.path import Path, PathDetail, RealServerRoute
from lvsdr.model.profile import DirectorProfile
from lvsdr.model.route_lookup import Packet
from lvsdr.profile.roles.director_paths import paths_of_servers
from lvsdr.proof.director_probes import route_towards

# Why no check can be sent there; `local` is looked at on this host itself.
LOCAL: PathDetail = "local"
# That is so by the profile; all else may be otherwise soon.
NO_VIP: PathDetail = "no-vip"
WORDS: dict[PathDetail, str] = {
    "no-route": "this host knows no way there",
    "no-source": "this host has no address of its own to ask from",
    "no-ethernet": "the link towards it has no Ethernet",
    NO_VIP: "which VIP its service is asked at is not known",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One path that is checked, by its place in the sequence, which is its number.

    `key` is that of its real server in the table. `route` is how this host sends there, or why it
    cannot.
    """

    key: Key
    server: RealServer
    path: Path
    health: Health
    route: RealServerRoute | PathDetail

    @property
    def side(self) -> str:
        """Return behind what it is: a link, or a router on it."""
        route = self.route
        if not isinstance(route, RealServerRoute):
            # Whatever it is that is missing, it is here.
            return route
        return f"{route.link} via {route.next_hop}" if route.routed else route.link

    @property
    def is_near(self) -> bool:
        """Return whether it is on the link itself, with no router before it."""
        return isinstance(self.route, RealServerRoute) and not self.route.routed

    @property
    def checked(self) -> Checked:
        """Return how many of its checks have to fail, or to succeed."""
        health = self.health
        proves = not isinstance(health.check, CommandCheck)
        return Checked(health.fall, health.rise, self.side, health.timeout, proves)

    @property
    def can_be_asked(self) -> bool:
        """Return whether a check of it means anything, now or soon."""
        if isinstance(self.health.check, CommandCheck):
            return True
        # Where there is no route now, there may be one again; silence proves nothing there.
        return isinstance(self.route, RealServerRoute) or self.route in (LOCAL, "no-route")


def packets(profile: DirectorProfile) -> Iterator[Packet]:
    """Yield the packets whose routes have to be looked up for `targets`."""
    return map(Packet, dict.fromkeys(_rips(profile)))


def targets(profile: DirectorProfile, host: Host) -> Sequence[Target]:
    """Return what is checked of a profile on this host, whose routes have been looked up."""
    towards = {rip: route_towards(rip, profile, host) for rip in dict.fromkeys(_rips(profile))}
    return tuple(
        Target(server.key, server, path, health, _fit(path, towards[path.rip]))
        for server, path in paths_of_servers(profile, profile.real_servers)
        if (health := profile.health_of(server.service)) is not None
    )


def _rips(profile: DirectorProfile) -> Iterator[IPAddress]:
    return (
        server.rip
        for server in profile.real_servers
        if profile.health_of(server.service) is not None
    )


def _fit(path: Path, route: RealServerRoute | PathDetail) -> RealServerRoute | PathDetail:
    """Return the route, or why it will not do for such a path."""
    if not isinstance(route, RealServerRoute):
        return route
    if path.vip is None and path.sees_vip:
        return NO_VIP
    other = path.vip is not None and path.vip.version != path.rip.version
    return "no-source" if other and route.other_source is None else route
