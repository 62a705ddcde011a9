"""The virtual servers of a profile in keepalived's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network

from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.check_writer import health_notes, real_server_checks
from lvsdr.formats.keepalived.conf_words import block, plain, seconds
from lvsdr.formats.keepalived.track_files import UP, track_file_name
from lvsdr.model.health import WEIGHT, Health
from lvsdr.model.ipvs import RealServer, Service, VirtualServer, by_service, settings
from lvsdr.model.ipvs_setting_words import KEEPALIVED, all_said
from lvsdr.model.ipvs_tunnel import TUNNEL_CHECKSUMS, TUNNEL_TYPES
from lvsdr.model.profile import DirectorProfile
from lvsdr.model.scheduler_flags import SCHEDULER_FLAGS, SCHEDULERS

KINDS = {"dr": "DR", "masquerade": "NAT"}
LEAVE_OUT = "leave out --virtual-servers"


def server_lines(profile: DirectorProfile, folder: str | None) -> Iterator[str]:
    """Yield the virtual servers, and the files of `folder` by which lvsdr says who serves.

    Raises ProfileError for what keepalived has no words for.
    """
    if profile.writes_table:
        raise ProfileError(
            f"cannot write the virtual servers of profile {profile.name} for keepalived: its"
            " table is lvsdr's, and both on one host undo one another",
            hints=['write "table_owner": "keepalived" in the profile', LEAVE_OUT],
        )
    servers = by_service(profile.real_servers)
    if folder is not None:
        yield from _files(profile, folder)
    for server in profile.virtual_servers:
        health = _health(profile, server.service)
        here = servers.get(server.service, [])
        yield from virtual_server_lines(server, here, profile, health, folder)


def _files(profile: DirectorProfile, folder: str) -> Iterator[str]:
    tracked = [each for each in profile.real_servers if profile.health_of(each.service)]
    if not tracked:
        raise ProfileError(
            f"cannot write track files for profile {profile.name}: it has no health, so that"
            " lvsdr director keep would check nothing",
            hints=['write "health": {} in the profile', "leave out --track-files"],
        )
    yield "# Where their folder is not there when it starts, keepalived 2.3 and later go on without"
    yield "# them: lvsdr director keep --track-files makes it, and is to start before."
    for each in tracked:
        name = track_file_name(each)
        # Until something is known of it, a real server is taken for one that serves.
        inner = [f'file "{plain(folder)}/{name}"', "weight 0", f"init_file {UP.strip()}"]
        yield from block(f"track_file {name}", inner)


def _health(profile: DirectorProfile, service: Service) -> Health | None:
    """Return how a service is checked: as usual where the profile says nothing of checks."""
    if profile.health is None and service not in profile.own_health:
        return Health()
    return profile.health_of(service)


def virtual_server_lines(
    server: VirtualServer,
    real_servers: Sequence[RealServer],
    profile: DirectorProfile,
    health: Health | None,
    folder: str | None = None,
) -> Iterator[str]:
    """Yield one virtual server, checked as `health` says; raises ProfileError for the unsaid."""
    _refuse_the_unsaid(server, real_servers)
    service = server.service
    sorry = next((each for each in profile.sorry_servers if each.service == service), None)
    tracked = folder is not None and profile.health_of(service) is not None
    target = next((each for each in profile.probes if each.service == service), None)
    method = _method(real_servers[0])
    inner = [*_spread(server), f"lvs_method {method}"]
    if health is not None:
        inner += health_notes(health, sorry=sorry is not None, tracked=tracked)
        # A minute, if it is not said.
        inner.append(f"delay_loop {seconds(health.interval)}")
        inner += ["inhibit_on_failure"] if health.action == WEIGHT else []
    inner += [] if sorry is None else _sorry(sorry, method)
    for each in real_servers:
        lines = [] if _method(each) == method else [f"lvs_method {_method(each)}"]
        lines = [*all_said(settings(each), KEEPALIVED), *lines]
        if health is not None:
            lines += real_server_checks(each, health, target, tracked=tracked)
        inner += block(f"real_server {each.rip} {each.port}", lines)
    where = f"fwmark {service.fwmark}" if service.vip is None else f"{service.vip} {service.port}"
    yield from block(f"virtual_server {where}", inner)


def _spread(server: VirtualServer) -> Iterator[str]:
    service = server.service
    if service.vip is not None:
        yield f"protocol {service.protocol.upper()}"
    elif service.family == "inet6":
        yield "ip_family inet6"
    yield f"lvs_sched {server.scheduler}"
    for name, (_, bit) in _flags(server.scheduler).items():
        if server.flags & bit:
            yield name
    yield from all_said(settings(server), KEEPALIVED)
    if server.persistence_prefix is not None:
        six = service.family == "inet6"
        mask = ip_network(f"0.0.0.0/{server.persistence_prefix}").netmask if not six else ""
        yield f"persistence_granularity {mask or server.persistence_prefix}"
    if server.engine:
        yield f"persistence_engine {server.engine}"


def _flags(scheduler: str) -> dict[str, tuple[str, int]]:
    return {name: each for name, each in SCHEDULER_FLAGS.items() if each[0] == scheduler}


def _method(server: RealServer) -> str:
    if server.forwarding_method != "tunnel":
        return KINDS[server.forwarding_method]
    kind, port, flags = server.tunnel
    words = ["TUN"]
    if kind:
        words += ["type", TUNNEL_TYPES[kind], *(["port", str(port)] if port else [])]
        words += [TUNNEL_CHECKSUMS[flags]] if flags else []
    return " ".join(words)


def _sorry(server: RealServer, method: str) -> Iterator[str]:
    yield f"sorry_server {server.rip} {server.port}"
    if _method(server) != method:
        yield f"sorry_server_lvs_method {_method(server)}"
    if (server.weight, server.upper_threshold) != (1, 0):
        yield "# The sorry server has weight 1, and no thresholds: keepalived says no others."


def _refuse_the_unsaid(server: VirtualServer, real_servers: Sequence[RealServer]) -> None:
    """Raise ProfileError for what keepalived has no words for."""
    known = sum(bit for _, bit in _flags(server.scheduler).values())
    reasons = {
        "it has no real servers, and keepalived ignores such a one": not real_servers,
        "each of its real servers has weight 0, and keepalived counts none": bool(real_servers)
        and not any(each.weight for each in real_servers),
        f"keepalived does not know the scheduler {server.scheduler}": server.scheduler
        not in SCHEDULERS,
        f"keepalived has no words for the flags {server.flags:#x}": server.flags & ~known != 0,
    }
    for reason, applies in reasons.items():
        if applies:
            raise ProfileError(
                f"cannot write {server.title} for keepalived: {reason}", hints=[LEAVE_OUT]
            )
