"""What a director's IPVS table and its daemons say that cannot work."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from lvsdr.model.address import endpoint
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer
from lvsdr.model.profile import DirectorProfile
from lvsdr.model.table_state import CONN_MAX

BACKUP_ONLY = "net/ipv4/vs/backup_only"
FLAGS = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}


def differing_ports(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield the real servers of the profile's services that are asked on a port of their own."""
    services = {server.service for server in profile.virtual_servers}
    for server in host.real_servers:
        service = server.service
        unchanged = server.forwarding_method in ("dr", "tunnel")
        if service in services and service.vip and unchanged and server.port != service.port:
            yield Finding(
                "PORT-DIFFERS",
                ERROR,
                server.title,
                f"{server.title} has another port than the service: {server.forwarding_method} does"
                " not change packets, which arrive on the port of the service",
                # Where the real server listens on the service's port, clients are served by it.
                look=f"whoever added it; with weight 0, and once its connections have ended:"
                f" {_removal(server)}",
                vip=service.vip,
                rip=server.rip,
            )


def _removal(server: RealServer) -> str:
    service = server.service
    assert service.vip is not None, "a firewall mark has no port to differ from"
    where = endpoint(service.vip, service.port)
    return f"ipvsadm -d {FLAGS[service.protocol]} {where} -r {endpoint(server.rip, server.port)}"


def full(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield that the table takes no more connections, or soon will take no more."""
    if not profile.virtual_servers or not host.table.nearly_full:
        return
    is_full = host.table.full
    yield Finding(
        "TABLE-FULL",
        ERROR if is_full else WARNING,
        CONN_MAX,
        f"the table has {host.table.room}: "
        + (
            "new ones are dropped, no client is told, and no counter moves"
            if is_full
            else "once it is full, new ones are dropped in silence"
        ),
        look="who has them: ipvsadm -Lnc; then a greater conn_max in the profile's sysctls, or"
        " shorter timeouts",
    )


def sync_roles(profile: DirectorProfile, host: Host) -> Iterator[Finding]:
    """Yield what the sync daemons and `backup_only` make of an active director."""
    roles = host.sync_daemons
    only = host.number(BACKUP_ONLY)
    # A standby that is a real server too holds the VIPs, where nobody asks for them.
    active = any(host.speaks_arp(link) for vip in profile.vips for link in host.links_with(vip))
    if only and "backup" not in roles:
        yield Finding(
            "BACKUP-ONLY",
            WARNING,
            BACKUP_ONLY,
            "backup_only is set, but no backup daemon runs: it does nothing, and two boxes that are"
            " director and real server send packets to and fro",
            f"ipvsadm --start-daemon backup --mcast-interface {quote(profile.interface)}"
            if not active
            else f"sysctl -w {BACKUP_ONLY}=0",
        )
    elif only and active:
        yield Finding(
            "BACKUP-BYPASS",
            ERROR,
            BACKUP_ONLY,
            "backup_only is set and a backup daemon runs, though this director holds the VIPs: IPVS"
            " is bypassed, and spreads nothing",
            "ipvsadm --stop-daemon backup",
        )
    elif active and roles == {"backup"}:
        yield Finding(
            "SYNC-ROLE",
            WARNING,
            "ipvs",
            "this director holds the VIPs, but only a backup daemon runs: its connections are known"
            " to nobody else, and end when another takes over",
            f"ipvsadm --start-daemon master --mcast-interface {quote(profile.interface)}",
        )
