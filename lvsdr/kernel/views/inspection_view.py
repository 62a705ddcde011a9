"""The inspection: one dump of each table, every setting that decides who answers, and owners."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.kernel.netlink.rtm_address import RawAddress
from lvsdr.kernel.netlink.rtm_link import Links
from lvsdr.kernel.tables import guard_routes, ipvs_servers
from lvsdr.kernel.tables.ipvs_control import STATES, SyncDaemons
from lvsdr.kernel.tables.sysctls import values_of
from lvsdr.kernel.views import bridges, connections, owners, route_lookups
from lvsdr.kernel.views.survey_view import links_and_addresses, name_of, survey_of
from lvsdr.model.inspection import HeldAddress, Inspection, Packet
from lvsdr.model.ipvs import SyncDaemon
from lvsdr.model.survey import Survey

ROOT = Path("/")

IPV4 = (
    "arp_ignore",
    "arp_announce",
    "arp_filter",
    "proxy_arp",
    "proxy_arp_pvlan",
    "medium_id",
    "forwarding",
    "rp_filter",
    "accept_local",
    "route_localnet",
)
IPV6 = ("forwarding", "proxy_ndp", "disable_ipv6")


def inspect(
    sockets: Sockets, packets: Iterable[Packet], *, table: bool, root: Path = ROOT
) -> Inspection:
    """Return the host in depth, and the ways of `packets`; `table` asks for IPVS as well.

    Raises CannotRun where IPVS is asked for and the kernel has none. Other programs' files are
    looked for below `root`.
    """
    links, addresses = links_and_addresses(sockets)
    seen = survey_of(sockets, links, addresses)
    return Inspection(
        survey=seen,
        addresses=tuple(_held(links, each) for each in addresses),
        sysctls=_settings(seen),
        dead_ends=guard_routes.dead_ends(sockets),
        routes=route_lookups.routes(sockets, links, packets),
        real_servers=tuple(ipvs_servers.every_real_server(sockets)) if table else (),
        sync_daemons=_sync_daemons(sockets) if table else frozenset(),
        owners=tuple(owners.owners({link.name: link.index for link in links.values()}, root)),
        bridges=dict(bridges.bridges(links.values())),
        ports=dict(bridges.ports(links.values())),
        asked_by_itself=connections.to_itself(each.ip.ip for each in addresses),
    )


def _sync_daemons(sockets: Sockets) -> frozenset[str]:
    """Return the roles of the daemons that synchronise connections: master, backup."""
    keys = [(SyncDaemon.kind, state) for state in STATES]
    found = SyncDaemons(sockets).observe(keys)
    return frozenset(daemon.state for daemon in found if isinstance(daemon, SyncDaemon))


def _held(links: Links, found: RawAddress) -> HeldAddress:
    return HeldAddress(
        link=name_of(links, found.index),
        ip=found.ip,
        scope=found.scope,
        tentative=found.tentative,
        failed=found.failed,
    )


def _settings(seen: Survey) -> dict[str, str]:
    scopes = ("all", "default", *seen.links)
    paths = [f"net/ipv4/conf/{scope}/{name}" for scope in scopes for name in IPV4]
    paths += [f"net/ipv6/conf/{scope}/{name}" for scope in scopes for name in IPV6]
    paths += ["net/ipv4/ip_forward", "net/ipv4/vs/backup_only", *bridges.SYSCTLS]
    return values_of(paths)
