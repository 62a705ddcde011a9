"""keepalived.conf that does what a director's profile says, without lvsdr: VIPs, table, checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.conf_words import block, plain, short
from lvsdr.formats.keepalived.conf_writer import Vrrp, global_lines
from lvsdr.formats.keepalived.instance_writer import vrrp_lines
from lvsdr.formats.keepalived.server_writer import virtual_server_lines
from lvsdr.formats.table_losses import directors, not_of_the_table, settings_typed, unsayable
from lvsdr.model.exported import Exporting, NewFile, lost
from lvsdr.model.finding import Finding
from lvsdr.model.ipvs import RealServer, VirtualServer, by_service
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.profile import DirectorProfile

FILE = "/etc/keepalived/keepalived.conf"
PROGRAM = "keepalived"
INSTANCE, ROUTER, PRIORITY = "VI_1", 51, 100
WORDS = {"tcp": "tcp", "tcp_fin": "tcpfin", "udp": "udp"}
UNCHECKED = "No check of keepalived's"


def written(host: Exporting) -> Iterator[NewFile | Finding]:
    """Yield the file, and what it cannot hold."""
    profile, *others = directors(host)
    if others:
        raise ProfileError(
            "cannot export several profiles to one keepalived.conf: each needs an instance of"
            " VRRP, with a router id that no profile says",
            hints=["one profile at a time, or one profile with all the VIPs"],
        )
    # keepalived is to own what lvsdr does now.
    owned = replace(profile, vips_owner=PROGRAM, table_owner=PROGRAM)
    vrrp = Vrrp(INSTANCE, ROUTER, PRIORITY, 1.0, hook="", host=profile.name, labelled=True)
    switched = _switched(profile)
    general = [*global_lines(vrrp, checks=True), *_timeouts(profile), *_daemon(profile, switched)]
    lines = [f"# Made by lvsdr export, from {host.names}.", *block("global_defs", general)]
    if profile.vips:
        lines += [
            "# Of a pair each has the same virtual_router_id, another priority, and these VIPs.",
            *vrrp_lines(owned, vrrp),
        ]
    servers = by_service(profile.real_servers)
    for server in profile.virtual_servers:
        said, findings = _virtual_server(server, servers.get(server.service, []), owned)
        lines += said
        yield from findings
    yield NewFile(FILE, tuple(lines))
    yield from not_of_the_table(host, PROGRAM, holds_vips=True)
    if not switched:
        yield from settings_typed(list(profile.sync_daemons), PROGRAM, "sync daemons as these")


def _virtual_server(
    server: VirtualServer, servers: Sequence[RealServer], profile: DirectorProfile
) -> tuple[list[str], list[Finding]]:
    """Return the lines of a service and what they leave out; none where it cannot be said."""
    health = profile.health_of(server.service)
    try:
        lines = list(short(virtual_server_lines(server, servers, profile, health)))
    except ProfileError as error:
        reason = error.message.rpartition(" for keepalived: ")[2]
        return [], [unsayable(server.service, PROGRAM, reason)]
    # What is said to whoever reads the file, of each real server or once.
    notes = dict.fromkeys(line.strip() for line in lines if line.lstrip().startswith("#"))
    return lines, [_of_note(server, each.lstrip("# ")) for each in notes]


def _of_note(server: VirtualServer, note: str) -> Finding:
    return lost(str(server.service), note.rstrip("."), seen=note.startswith(UNCHECKED))


def _timeouts(profile: DirectorProfile) -> Iterator[str]:
    words = [f"{WORDS[each.protocol]} {each.seconds}" for each in _sorted(profile.timeouts)]
    if words:
        yield f"lvs_timeouts {' '.join(words)}"


def _sorted(timeouts: Sequence[Timeout]) -> list[Timeout]:
    return sorted(timeouts, key=lambda each: list(WORDS).index(each.protocol))


def _switched(profile: DirectorProfile) -> bool:
    """Return whether its sync daemons are those that keepalived starts and stops by its state."""
    alike = {replace(each, state="") for each in profile.sync_daemons}
    states = {each.state for each in profile.sync_daemons}
    return bool(profile.vips) and len(alike) == 1 and states == {"master", "backup"}


def _daemon(profile: DirectorProfile, switched: bool) -> Iterator[str]:
    if switched:
        one: SyncDaemon = profile.sync_daemons[0]
        said = f"id {one.syncid} maxlen {one.maxlen} port {one.port} ttl {one.ttl}"
        yield f"lvs_sync_daemon {plain(one.link)} {INSTANCE} {said} group {one.group}"
