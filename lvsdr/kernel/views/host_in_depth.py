"""The host in depth: one dump of each table, all settings that decide who answers, and owners."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.rtm_link import Links
from lvsdr.kernel.tables import guard_routes
from lvsdr.kernel.tables.sysctls import values_of
from lvsdr.kernel.views import bridges, route_lookups, routed_networks
from lvsdr.kernel.views.host_view import host_of, links_and_addresses
from lvsdr.model.host import Host
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.route_lookup import Packet

ROOT = Path("/")

IPV4 = (
    "arp_filter",
    "proxy_arp",
    "proxy_arp_pvlan",
    "medium_id",
    "forwarding",
    "rp_filter",
    "accept_local",
    "route_localnet",
)
IPV6 = ("forwarding", "force_forwarding", "proxy_ndp", "disable_ipv6")


def inspect(
    sockets: Sockets,
    packets: Callable[[Host], Iterable[Packet]],
    *,
    table: bool,
    others: bool = True,
    root: Path = ROOT,
) -> Host:
    """Return the host in depth; `packets` says whose routes to look up, by what was just read.

    `table` asks for IPVS as well: raises CannotRun where the kernel has none. `others` asks for
    other programs: their files, which are looked for below `root`, their rules and connections.
    """
    links, addresses = links_and_addresses(sockets)
    # Before the packets are chosen: by them one knows where routes differ. A director's answers
    # are none of its real servers'.
    networks = () if table else routed_networks.networks()
    host = replace(
        host_of(sockets, links, addresses),
        networks=networks,
        local_routes=route_lookups.local_routes(sockets),
    )
    if table:
        host = _with_ipvs(sockets, host)
    host = replace(
        host,
        sysctls={**_settings(host), **host.sysctls},
        routes=route_lookups.routes(sockets, links, packets(host)),
        dead_ends=guard_routes.dead_ends(sockets),
        bridges=dict(bridges.bridges(links.values())),
        ports=dict(bridges.ports(links.values())),
    )
    return _with_others(host, links, root, rules=not table) if others else host


def _with_others(host: Host, links: Links, root: Path, *, rules: bool) -> Host:
    """Return the host with what other programs do to it; `rules` asks for firewalls as well."""
    # A plan needs none of that, and /proc/net/tcp alone takes longer than the rest of it.
    from lvsdr.kernel.views import connections, firewalls, foreign_config_files  # noqa: PLC0415

    numbers = {link.name: link.index for link in links.values()}
    return replace(
        host,
        owners=tuple(foreign_config_files.owners(numbers, root)),
        asked_by_itself=connections.to_itself(host.ips),
        firewalls=tuple(firewalls.firewalls()) if rules else (),
    )


def _with_ipvs(sockets: Sockets, host: Host) -> Host:
    """Return the host with its table, and with the roles of its sync daemons: master, backup."""
    # A real server has none of that.
    from lvsdr.kernel.tables import ipvs_servers  # noqa: PLC0415
    from lvsdr.kernel.tables.ipvs_control import STATES, SyncDaemons  # noqa: PLC0415
    from lvsdr.kernel.views.table_room import table_state  # noqa: PLC0415
    from lvsdr.model.ipvs_daemons import SyncDaemon  # noqa: PLC0415

    virtual_servers, real_servers = ipvs_servers.whole_table(sockets)
    found = SyncDaemons(sockets).observe([(SyncDaemon.kind, state) for state in STATES])
    return replace(
        host,
        virtual_servers=virtual_servers,
        real_servers=real_servers,
        sync_daemons=frozenset(each.state for each in found if isinstance(each, SyncDaemon)),
        table=table_state(),
    )


def _settings(host: Host) -> dict[str, str]:
    scopes = ("all", "default", *host.links)
    paths = [f"net/ipv4/conf/{scope}/{name}" for scope in scopes for name in IPV4]
    paths += [f"net/ipv6/conf/{scope}/{name}" for scope in scopes for name in IPV6]
    paths += ["net/ipv4/ip_forward", "net/ipv4/vs/backup_only", *bridges.SYSCTLS]
    return values_of(paths)
