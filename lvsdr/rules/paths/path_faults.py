"""What is said of each fault of a path, and how it is mended: one function for each."""

from __future__ import annotations

from collections.abc import Callable

from lvsdr.model.address import endpoint
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.path import Path
from lvsdr.rules.host.tunnel_ends import UnpackingLink, unpacking_link
from lvsdr.rules.paths.unproven_paths import Group, services_of, unproven

_SOCKETS = {"tcp": "-ltnp", "udp": "-lunp", "sctp": "-lSnp"}
FILTERED = {
    "held": ("does not answer, though it holds the VIP", "something drops the requests there"),
    "rejected": ("says that it is prohibited", "a firewall refuses the requests"),
    "mute": ("answers nothing but {arp}", "something drops all requests there"),
    "reverse-path": ("lets nothing out of its tunnel", "rp_filter drops what comes out of it"),
}


def _port_closed(group: Group) -> Finding:
    path, detail = group[0].path, group[0].detail
    there = endpoint(path.rip, path.port)
    asked = (
        there if path.method == "masquerade" or path.vip is None else endpoint(path.vip, path.port)
    )
    instead = {
        "rip-listens": f", but on {there}: the service is bound to the RIP only",
        "rip-may-listen": f", perhaps on {there} only",
    }.get(detail, "")
    sockets = f"ss {_SOCKETS[path.service.protocol]} 'sport = :{path.port}'"
    return Finding(
        "PATH-PORT-CLOSED",
        ERROR,
        str(path.rip),
        f"on real server {path.rip} nobody listens on {path.service.protocol} {asked}{instead}:"
        " clients that are sent there are refused",
        f"on {path.rip}: let the service listen on {asked}, or on all addresses; who listens:"
        f" {sockets}",
        vip=path.vip,
        rip=path.rip,
    )


def _vip_missing(group: Group) -> Finding:
    path = group[0].path
    told = "are told that it is unreachable" if group[0].detail else "get no answer"
    return Finding(
        "PATH-VIP-MISSING",
        ERROR,
        str(path.rip),
        f"real server {path.rip} does not hold {path.vip}: clients that are sent there {told}"
        f" ({services_of(group)})",
        f"on {path.rip}: lvsdr realserver apply",
        vip=path.vip,
        rip=path.rip,
    )


def _loop(group: Group) -> Finding:
    path = group[0].path
    return Finding(
        "PATH-LOOP",
        ERROR,
        str(path.rip),
        f"real server {path.rip} does not hold {path.vip} and forwards packets for it: they come"
        f" back to the director, again and again ({services_of(group)})",
        f"on {path.rip}: lvsdr realserver apply",
        vip=path.vip,
        rip=path.rip,
    )


def _no_tunnel(group: Group) -> Finding:
    rip, needed = group[0].path.rip, _unpacking(group[0].path)
    closed = f"its UDP port is closed, or {needed.link}" if needed.port else needed.link
    mend = f"lvsdr realserver apply, with holder {needed.link}; " if needed.holder else ""
    return Finding(
        "PATH-NO-TUNNEL",
        ERROR,
        str(rip),
        f"real server {rip} takes nothing out of a tunnel: {closed} is missing or down, and clients"
        f" that are sent there get no answer ({services_of(group)})",
        f"on {rip}: {mend}{needed.by_hand}",
        rip=rip,
    )


def _unpacking(path: Path) -> UnpackingLink:
    inner = (path.vip or path.rip).version
    return unpacking_link(path.tunnel, inner, path.rip.version)


def _filtered(group: Group) -> Finding:
    path, detail = group[0].path, group[0].detail
    seen, meaning = FILTERED[detail]
    family = "iptables-save" if path.rip.version == 4 else "ip6tables-save"
    hint = f"on {path.rip}: nft list ruleset; {family}"
    if detail == "reverse-path" and path.rip.version == 4:
        link = _unpacking(path).link
        hint = f"on {path.rip}: lvsdr realserver apply; then sysctl -ar '(all|{link}).rp_filter'"
    return Finding(
        "PATH-FILTERED",
        ERROR,
        str(path.rip),
        f"real server {path.rip} {seen.format(arp=_asked(path))}: {meaning} ({services_of(group)})",
        hint,
        vip=path.vip,
        rip=path.rip,
    )


def _down(group: Group) -> Finding:
    path, gateway = group[0].path, group[0].gateway
    if group[0].detail == "no-route":
        seen, hint = f"this host has no route to real server {path.rip}", f"ip route get {path.rip}"
    elif gateway is not None and not group[0].macs:
        seen = f"router {gateway} before real server {path.rip} does not answer {_asked(path)}"
        hint = f"on {gateway}: ip address show to {gateway} up"
    elif gateway is not None:
        seen = f"nothing comes back from real server {path.rip} behind router {gateway}"
        hint = f"on {path.rip}: ip address show to {path.rip} up"
    else:
        seen = f"real server {path.rip} does not answer {_asked(path)}"
        hint = f"on {path.rip}: ip address show to {path.rip} up"
    return Finding(
        "PATH-DOWN",
        ERROR,
        str(path.rip),
        f"{seen}: clients that are sent there get no answer ({services_of(group)})",
        hint,
        rip=path.rip,
    )


def _duplicate(group: Group) -> Finding:
    path, macs = group[0].path, group[0].macs
    return Finding(
        "PATH-DUPLICATE-RIP",
        ERROR,
        str(path.rip),
        f"{len(macs)} MAC addresses answer {_asked(path)} for real server {path.rip}:"
        f" {', '.join(macs)}; some clients are sent to the wrong host",
        f"on the host that is not the real server: ip address show to {path.rip}; then"
        " ip address del",
        mac=macs[0],
        rip=path.rip,
    )


def _routed(group: Group) -> Finding:
    path, gateway = group[0].path, group[0].gateway
    return Finding(
        "PATH-ROUTED",
        ERROR,
        str(path.rip),
        f"real server {path.rip} is behind router {gateway}, which direct routing does not cross:"
        f" clients that are sent there get no answer ({services_of(group)})",
        f'in the profile: "forwarding_method": "tunnel" for {path.rip}, or a RIP of this segment',
        rip=path.rip,
    )


def _asked(path: Path) -> str:
    return "ARP" if path.rip.version == 4 else "neighbour solicitations"


FAULTS: dict[str, Callable[[Group], Finding]] = {
    "port-closed": _port_closed,
    "vip-missing": _vip_missing,
    "vip-missing-and-forwards": _loop,
    "no-tunnel": _no_tunnel,
    "filtered": _filtered,
    "down": _down,
    "duplicate-rip": _duplicate,
    "routed": _routed,
    "unproven": unproven,
}
