"""A table as the kernel has it, ready for a profile, and what the kernel begins with."""

from __future__ import annotations

from lvsdr.formats.taken_table import TakenReal, TakenService
from lvsdr.model.imported import Document
from lvsdr.model.ipvs import RealServer, VirtualServer
from lvsdr.model.ipvs_daemons import SyncDaemon

HERE = "this host"
# What to do with a VIP that is held with its subnet's prefix, by the version of IP.
NARROWED = {
    4: "after apply, remove the wide one",
    6: "nothing: apply makes it a host address, for IPv6 holds an address of a link once",
}
IPVS = "net/ipv4/vs/"
# What the kernel begins with: of what it sets by its memory or its version nothing is said.
USUAL_TIMEOUTS = {"tcp": 900, "tcp_fin": 120, "udp": 300}
USUAL_SYSCTLS = {
    "amemthresh": "1024",
    "am_droprate": "10",
    "backup_only": "0",
    "cache_bypass": "0",
    "conn_reuse_mode": "1",
    "conntrack": "0",
    "drop_entry": "0",
    "drop_packet": "0",
    "expire_nodest_conn": "0",
    "expire_quiescent_template": "0",
    "ignore_tunneled": "0",
    "nat_icmp_send": "0",
    "pmtu_disc": "1",
    "run_estimation": "1",
    "schedule_icmp": "0",
    "secure_tcp": "0",
    "sloppy_sctp": "0",
    "sloppy_tcp": "0",
    "snat_reroute": "1",
    "sync_persist_mode": "0",
    "sync_ports": "1",
    "sync_refresh_period": "0",
    "sync_retries": "0",
    "sync_sock_size": "0",
    "sync_threshold": "3 50",
    "sync_version": "1",
}


def taken_service(each: VirtualServer) -> TakenService:
    """Return a virtual server, without its real servers."""
    prefix = each.persistence_prefix
    return TakenService(
        each.service,
        0,
        each.scheduler,
        each.persistence,
        None if isinstance(prefix, str) else prefix,
        mask=prefix if isinstance(prefix, str) else "",
        one_packet=each.one_packet,
        flags=each.flags,
        engine=each.engine,
    )


def taken_real(each: RealServer) -> TakenReal:
    """Return a real server."""
    # The kernel says local of one that is this host: what was asked for is not known any more.
    method = "dr" if each.forwarding_method == "local" else each.forwarding_method
    return TakenReal(
        each.rip,
        each.port,
        0,
        each.weight,
        method,
        each.upper_threshold,
        each.lower_threshold,
        each.tunnel,
    )


def daemon_entry(each: SyncDaemon) -> Document:
    """Return a sync daemon as a profile has it, on whatever link."""
    entry: Document = {"interface": each.link}
    usual = {
        "syncid": 0,
        "sync_maxlen": 1472 if each.group.version == 4 else 1452,
        "group": "224.0.0.81",
        "port": 8848,
        "ttl": 1,
    }
    said = {
        "syncid": each.syncid,
        "sync_maxlen": each.maxlen,
        "group": str(each.group),
        "port": each.port,
        "ttl": each.ttl,
    }
    return entry | {name: value for name, value in said.items() if value != usual[name]}
