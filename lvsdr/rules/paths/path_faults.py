"""What is said of each fault of a path, and how it is mended: one function for each."""

from __future__ import annotations

from collections.abc import Callable

from lvsdr.model.address import endpoint
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.path import Path
from lvsdr.rules.host.tunnel_ends import UnpackingLink, unpacking_link
from lvsdr.rules.paths.unproven_paths import Group, services_of, unproven
from lvsdr.rules.segment.lent_names import LOOK

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
    sockets = f"ss {_SOCKETS[path.transport]} 'sport = :{path.port}'"
    return Finding(
        "PATH-PORT-CLOSED",
        ERROR,
        str(path.rip),
        f"on real server {path.rip} nobody listens on {path.transport} {asked}{instead}:"
        " clients that are sent there are refused",
        vip=path.vip,
        rip=path.rip,
        look=f"the service is to listen on {asked}, or on all addresses; who listens: {sockets}",
        on=str(path.rip),
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
        vip=path.vip,
        rip=path.rip,
        look=_held(path),
        on=str(path.rip),
    )


def _held(path: Path) -> str:
    # Whether the profile there has the VIP is known there only: without it, apply does nothing.
    return (
        f"lvsdr realserver verify says why; lvsdr realserver apply holds {path.vip} where the"
        " profile has it among its vips"
    )


def _loop(group: Group) -> Finding:
    path = group[0].path
    return Finding(
        "PATH-LOOP",
        ERROR,
        str(path.rip),
        f"real server {path.rip} does not hold {path.vip} and forwards packets for it: they come"
        f" back to the director, again and again ({services_of(group)})",
        vip=path.vip,
        rip=path.rip,
        look=_held(path),
        on=str(path.rip),
    )


def _no_tunnel(group: Group) -> Finding:
    rip, needed = group[0].path.rip, _unpacking(group[0].path)
    closed = f"its UDP port is closed, or {needed.link}" if needed.port else needed.link
    looks = [f'"holder": "{needed.link}" in its profile'] if needed.holder else []
    looks += [] if needed.known else [f"by hand: {needed.by_hand}"]
    return Finding(
        "PATH-NO-TUNNEL",
        ERROR,
        str(rip),
        f"real server {rip} takes nothing out of a tunnel: {closed} is missing or down, and clients"
        f" that are sent there get no answer ({services_of(group)})",
        needed.by_hand if needed.known else "",
        rip=rip,
        look="; or ".join(looks),
        on=str(rip),
    )


def _unpacking(path: Path) -> UnpackingLink:
    inner = (path.vip or path.rip).version
    return unpacking_link(path.tunnel, inner, path.rip.version)


def _filtered(group: Group) -> Finding:
    path, detail = group[0].path, group[0].detail
    seen, meaning = FILTERED[detail]
    family = "iptables-save" if path.rip.version == 4 else "ip6tables-save"
    look = f"its firewall: nft list ruleset; {family}"
    if detail == "reverse-path" and path.rip.version == 4:
        link = _unpacking(path).link
        look = f"lvsdr realserver verify says which setting; sysctl -ar '(all|{link}).rp_filter'"
    return Finding(
        "PATH-FILTERED",
        ERROR,
        str(path.rip),
        f"real server {path.rip} {seen.format(arp=_asked(path))}: {meaning} ({services_of(group)})",
        vip=path.vip,
        rip=path.rip,
        look=look,
        on=str(path.rip),
    )


def _down(group: Group) -> Finding:
    path, gateway = group[0].path, group[0].gateway
    on, look = (
        str(path.rip),
        f"whether it is up, with that address: ip address show to {path.rip} up",
    )
    if group[0].detail == "no-route":
        seen = f"this host has no route to real server {path.rip}"
        on, look = "", f"the way there: ip route get {path.rip}"
    elif gateway is not None and not group[0].macs:
        seen = f"router {gateway} before real server {path.rip} does not answer {_asked(path)}"
        on, look = (
            str(gateway),
            f"whether it is up, with that address: ip address show to {gateway} up",
        )
    elif gateway is not None:
        seen = f"nothing comes back from real server {path.rip} behind router {gateway}"
    else:
        seen = f"real server {path.rip} does not answer {_asked(path)}"
    return Finding(
        "PATH-DOWN",
        ERROR,
        str(path.rip),
        f"{seen}: clients that are sent there get no answer ({services_of(group)})",
        rip=path.rip,
        look=look,
        on=on,
    )


def _duplicate(group: Group) -> Finding:
    path, macs = group[0].path, group[0].macs
    if group[0].lent:
        return _lent(group)
    return Finding(
        "PATH-DUPLICATE-RIP",
        ERROR,
        str(path.rip),
        f"{len(macs)} MAC addresses answer {_asked(path)} for real server {path.rip}:"
        f" {', '.join(macs)}; some clients are sent to the wrong host",
        mac=macs[0],
        rip=path.rip,
        look=f"the host that is not the real server: ip address show to {path.rip}",
        on="each of them",
    )


def _lent(group: Group) -> Finding:
    path = group[0].path
    sender, mac = group[0].lent[0]
    return Finding(
        "PATH-DUPLICATE-RIP",
        ERROR,
        str(path.rip),
        f"{sender} claims real server {path.rip} for {mac}, another host's MAC address: some"
        " clients are sent to the wrong host",
        mac=sender,
        rip=path.rip,
        look=LOOK.format(sender=sender),
        on=sender,
    )


def _routed(group: Group) -> Finding:
    path, gateway = group[0].path, group[0].gateway
    return Finding(
        "PATH-ROUTED",
        ERROR,
        str(path.rip),
        f"real server {path.rip} is behind router {gateway}, which direct routing does not cross:"
        f" clients that are sent there get no answer ({services_of(group)})",
        rip=path.rip,
        look=f'"forwarding_method": "tunnel" for {path.rip}, or a RIP of this segment',
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
