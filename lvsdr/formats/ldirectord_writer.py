"""The virtual servers of a profile in ldirectord's words (ldirectord(8)), with their checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from math import ceil

from lvsdr.formats.ldirectord_checks import check_lines, check_losses
from lvsdr.formats.table_losses import directors, not_of_the_table, settings_typed, unsayable
from lvsdr.model.address import endpoint
from lvsdr.model.exported import Exporting, NewFile, lost
from lvsdr.model.finding import Finding
from lvsdr.model.health import WEIGHT, Health
from lvsdr.model.ipvs import RealServer, VirtualServer, by_service
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.profile import DirectorProfile, ProbeTarget
from lvsdr.model.scheduler_flags import SCHEDULER_FLAGS

FILE = "/etc/ha.d/ldirectord.cf"
METHODS = {"dr": "gate", "local": "gate", "tunnel": "ipip", "masquerade": "masq"}
PROGRAM = "ldirectord"


@dataclass(frozen=True, slots=True)
class _Said:
    """A virtual server with all that the profile says of it elsewhere."""

    server: VirtualServer
    servers: Sequence[RealServer]
    sorry: RealServer | None
    health: Health | None
    target: ProbeTarget | None


def written(host: Exporting) -> Iterator[NewFile | Finding]:
    """Yield the file, and what it cannot hold."""
    lines = [f"# Made by lvsdr export, from {host.names}."]
    profiles = list(directors(host))
    apart = _intervals_differ(profiles)
    # Of one process the interval is the same for all; with a process for each it is not.
    lines += ["fork=yes"] if apart else []
    intervals = {_whole(each.interval) for each in _healths(profiles)}
    lines += [f"checkinterval={min(intervals)}"] if intervals and not apart else []
    for profile in profiles:
        for each in _said(profile):
            reasons = list(_reasons(each.server, each.servers))
            yield from (unsayable(each.server.service, PROGRAM, reason) for reason in reasons)
            if not reasons:
                # An empty line ends a section.
                lines += ["", *_section(each, apart=apart)]
                yield from _losses(each)
    yield NewFile(FILE, tuple(lines))
    yield from not_of_the_table(host, PROGRAM)
    timeouts = [each for each in host.objects if isinstance(each, Timeout)]
    daemons = [each for each in host.objects if isinstance(each, SyncDaemon)]
    yield from settings_typed(timeouts, PROGRAM, "timeouts of IPVS")
    yield from settings_typed(daemons, PROGRAM, "sync daemons")


def _said(profile: DirectorProfile) -> Iterator[_Said]:
    servers = by_service(profile.real_servers)
    sorry = {each.service: each for each in profile.sorry_servers}
    targets = {each.service: each for each in profile.probes}
    for server in profile.virtual_servers:
        key = server.service
        health = profile.health_of(key)
        yield _Said(server, servers.get(key, []), sorry.get(key), health, targets.get(key))


def _section(said: _Said, *, apart: bool) -> Iterator[str]:
    server, health, sorry = said.server, said.health, said.sorry
    service = server.service
    six = "6" if service.family == "inet6" else ""
    where = endpoint(service.vip, service.port) if service.vip is not None else service.fwmark
    yield f"virtual{six}={where}"
    inner = [f"protocol={'fwm' if service.vip is None else service.protocol}"]
    inner += [f"scheduler={server.scheduler}", *_spread(server)]
    inner += [f"real{six}={_real(each)}" for each in said.servers]
    if sorry is not None and _fits(sorry):
        inner.append(f"fallback{six}={_place(sorry)} {METHODS[sorry.forwarding_method]}")
    if health is None:
        # They are in the table, and nobody asks.
        inner.append("checktype=on")
    else:
        inner += [f"quiescent={'yes' if health.action == WEIGHT else 'no'}"]
        inner += [f"failurecount={health.fall}"]
        inner += [f"checkinterval={_whole(health.interval)}"] if apart else []
        inner += check_lines(service, health, said.target)
    yield from (f"    {line}" for line in inner)


def _spread(server: VirtualServer) -> Iterator[str]:
    if server.persistence is not None:
        yield f"persistent={server.persistence}"
    if server.persistence_prefix is not None:
        prefix = server.persistence_prefix
        four = server.service.family == "inet"
        yield f"netmask={ip_network(f'0.0.0.0/{prefix}').netmask if four else prefix}"
    names = [name for name, (_, bit) in _flags(server).items() if server.flags & bit]
    if names:
        yield f"schedflags={','.join(names)}"
    if server.one_packet:
        yield "ops=yes"


def _flags(server: VirtualServer) -> dict[str, tuple[str, int]]:
    return {name: each for name, each in SCHEDULER_FLAGS.items() if each[0] == server.scheduler}


def _real(server: RealServer) -> str:
    words = [_place(server), METHODS[server.forwarding_method], str(server.weight)]
    # In this order.
    words += [f"l:{server.lower_threshold}"] if server.lower_threshold else []
    words += [f"u:{server.upper_threshold}"] if server.upper_threshold else []
    return " ".join(words)


def _place(server: RealServer) -> str:
    return endpoint(server.rip, server.port)


def _fits(server: RealServer) -> bool:
    """Return whether it has words for a server: of the service's family, and by plain IPIP."""
    return (server.rip.version == 6) == (server.service.family == "inet6") and not any(
        server.tunnel
    )


def _reasons(server: VirtualServer, servers: Sequence[RealServer]) -> Iterator[str]:
    """Yield what of a service it has no words for; such a service is left out."""
    service = server.service
    if service.protocol == "sctp":
        yield "it knows tcp, udp and firewall marks, and not sctp"
    if server.engine:
        yield f"the persistence engine {server.engine}"
    if server.one_packet and service.protocol != "udp":
        yield "one_packet of a firewall mark"
    known = sum(bit for _, bit in _flags(server).values())
    if server.flags & ~known:
        yield f"the flags {server.flags & ~known:#x} of {server.scheduler}"
    for each in servers:
        if any(each.tunnel):
            yield f"the tunnel to {each.place}, which is not plain IPIP"
        if (each.rip.version == 6) != (service.family == "inet6"):
            yield f"{each.place}, which is of another family"


def _losses(said: _Said) -> Iterator[Finding]:
    service, sorry = said.server.service, said.sorry
    if sorry is not None and not _fits(sorry):
        yield unsayable(service, PROGRAM, f"the sorry server {sorry.place}, and its tunnel")
    elif sorry is not None and (sorry.weight, sorry.upper_threshold) != (1, 0):
        message = f"ldirectord gives the sorry server {sorry.place} weight 1, and no more"
        yield lost(str(service), message)
    if said.health is not None:
        yield from check_losses(service, said.health, said.target, sorry=sorry is not None)


def _healths(profiles: Sequence[DirectorProfile]) -> Iterator[Health]:
    for profile in profiles:
        for server in profile.virtual_servers:
            health = profile.health_of(server.service)
            if health is not None:
                yield health


def _intervals_differ(profiles: Sequence[DirectorProfile]) -> bool:
    return len({_whole(each.interval) for each in _healths(profiles)}) > 1


def _whole(seconds: float) -> int:
    return max(1, ceil(seconds))
