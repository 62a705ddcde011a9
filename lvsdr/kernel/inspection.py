"""The inspection: one dump of each table, every setting that decides who answers, and owners."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

from pyroute2.netlink.rtnl.ndmsg import NTF_PROXY

from lvsdr.kernel import bridges, connections, fib, ipvs, owners, routes
from lvsdr.kernel.addresses import SCOPE_NAMES
from lvsdr.kernel.errno import reading
from lvsdr.kernel.ipvs_control import STATES, SyncDaemons
from lvsdr.kernel.sockets import Sockets
from lvsdr.kernel.survey import survey
from lvsdr.kernel.sysctls import value_of
from lvsdr.model.inspection import HeldAddress, Inspection, Packet, ProxyEntry
from lvsdr.model.objects import SyncDaemon
from lvsdr.model.survey import Survey

IFA_F_TENTATIVE, IFA_F_DADFAILED = 0x40, 0x08
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
    with reading("the links"):
        links = list(sockets.route.link("dump"))
    names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in links}
    seen = survey(sockets)
    with reading("the addresses"):
        addresses = tuple(_address(names, item) for item in sockets.route.addr("dump"))
    with reading("the proxied neighbours"):
        proxies = tuple(_proxies(sockets.route, names))
    return Inspection(
        survey=seen,
        addresses=addresses,
        sysctls=_settings(seen),
        proxies=proxies,
        dead_ends=routes.dead_ends(sockets),
        routes=fib.routes(sockets, packets),
        real_servers=tuple(ipvs.every_real_server(sockets)) if table else (),
        sync_daemons=_sync_daemons(sockets) if table else frozenset(),
        owners=tuple(owners.owners({name: index for index, name in names.items()}, root)),
        bridges=dict(bridges.bridges(links)),
        ports=dict(bridges.ports(links)),
        asked_by_itself=connections.to_itself(item.ip.ip for item in addresses),
    )


def _sync_daemons(sockets: Sockets) -> frozenset[str]:
    """Return the roles of the daemons that synchronise connections: master, backup."""
    keys = [(SyncDaemon.kind, state) for state in STATES]
    found = SyncDaemons(sockets).observe(keys)
    return frozenset(daemon.state for daemon in found if isinstance(daemon, SyncDaemon))


def _address(names: dict[int, str], message: Any) -> HeldAddress:
    flags = message.get_attr("IFA_FLAGS") or message["flags"]
    # On a point-to-point link IFA_ADDRESS is the peer's, IFA_LOCAL ours.
    local = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return HeldAddress(
        link=names.get(message["index"], ""),
        ip=ip_interface(f"{local}/{message['prefixlen']}"),
        scope=SCOPE_NAMES.get(message["scope"], str(message["scope"])),
        tentative=bool(flags & IFA_F_TENTATIVE),
        failed=bool(flags & IFA_F_DADFAILED),
    )


def _proxies(route: Any, names: dict[int, str]) -> Iterator[ProxyEntry]:
    for family in (socket.AF_INET, socket.AF_INET6):
        # With a filter of our own pyroute2 sends the flag along, without which the kernel shows its
        # cache instead.
        shown = route.neigh("dump", family=family, flags=NTF_PROXY, dump_filter=_names_an_address)
        for message in shown:
            address = ip_address(message.get_attr("NDA_DST"))
            yield ProxyEntry(names.get(message["ifindex"], ""), address)


def _names_an_address(message: Any) -> bool:
    return bool(message["flags"] & NTF_PROXY) and message.get_attr("NDA_DST") is not None


def _settings(seen: Survey) -> dict[str, str]:
    scopes = ("all", "default", *seen.links)
    paths = [f"net/ipv4/conf/{scope}/{name}" for scope in scopes for name in IPV4]
    paths += [f"net/ipv6/conf/{scope}/{name}" for scope in scopes for name in IPV6]
    paths += ["net/ipv4/ip_forward", "net/ipv4/vs/backup_only", *bridges.SYSCTLS]
    values = ((path, value_of(path)) for path in paths)
    return {path: value for path, value in values if value is not None}
