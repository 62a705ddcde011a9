"""What the host of a container does to the container's VIPs: it may answer, or lose packets."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.model.address import IPAddress, host_interface
from lvsdr.model.container_host import ContainerHost
from lvsdr.model.explanation import Reply
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.holder_kinds import HOLDING_ENDS
from lvsdr.model.host import Host
from lvsdr.model.profile import Profile, RealServerProfile
from lvsdr.model.route_lookup import GONE, Packet, RouteTo
from lvsdr.rules.host import arp_reply, bridge_filters, proxy_arp
from lvsdr.rules.host.container_cable import answer, questions, request

# The ids of the findings that may be yielded.
IDS = ("HOST-ANSWERS", "HOST-ROUTE", "HOST-RETURN", "BRIDGE-DELAY", "BRIDGE-FILTER")
_DROPS = {
    "unreachable": "it does not forward them, or has no route for them",
    "refused": "its reverse-path filter drops them",
    "blackhole": "they come from an address of its own, or a dead end stands in the way",
    "prohibit": "a rule or a route prohibits it",
}


def findings(profile: Profile, outside: ContainerHost) -> Iterator[Finding]:
    """Yield what is wrong on the host of the container that `profile` is for."""
    if isinstance(profile, RealServerProfile):
        for vip in profile.vips:
            if not _directs(vip, outside.host):
                yield from _answers(vip, outside)
                yield from _arrives(vip, profile, outside)
                yield from _returns(vip, outside)
    yield from bridge_filters.closed_ports_of(outside.gate, outside.host)
    yield from bridge_filters.firewalled(outside.gate, outside.host, profile)


def _directs(vip: IPAddress, host: Host) -> bool:
    """Return whether the host is a director of the VIP: it holds it where it is asked for it."""
    return any(map(host.speaks_arp, host.links_with(vip)))


def _answers(vip: IPAddress, outside: ContainerHost) -> Iterator[Finding]:
    for question in questions(vip, outside.gate, outside.host):
        found = arp_reply.reply(question, outside.host)
        if found.answers:
            yield Finding(
                "HOST-ANSWERS",
                ERROR,
                question.link,
                f"the host of this container answers ARP for {vip} on {question.link}: {found.why}",
                _silenced(found, question, outside),
                vip=vip,
            )
    for entry in outside.host.proxies if vip.version == 6 else ():
        if entry.address == vip and proxy_arp.answers_nd(entry, outside.host):
            yield Finding(
                "HOST-ANSWERS",
                ERROR,
                entry.link,
                f"the host of this container answers neighbour solicitations for {vip} on"
                f" {entry.link}: a proxy entry names it, with proxy_ndp and forwarding",
                f"ip -6 neighbour del proxy {vip} dev {entry.link}",
                vip=vip,
            )


def _silenced(found: Reply, question: arp_reply.Question, outside: ContainerHost) -> str:
    """Return the commands that silence the host, and leave the RIPs reachable."""
    link, host = question.link, outside.host
    if not found.proxy:
        held = host.held(question.target)
        return "; ".join(f"ip address del {item.ip} dev {item.link}" for item in held) or (
            f"ip route del local {question.target}"
        )
    if found.proxy == "neighbour":
        return f"ip neighbour del proxy {question.target} dev {link}"
    steps = [f"sysctl -w net/ipv4/conf/{link}/{found.proxy}=0"]
    if host.pair(found.proxy, link)[0]:
        # The container finds its gateway by it.
        steps.insert(0, f"sysctl -w net/ipv4/conf/{outside.gate}/{found.proxy}=1")
        steps.append(f"sysctl -w net/ipv4/conf/all/{found.proxy}=0")
    rips = [rip for rip in outside.rips if rip.version == 4]
    return "; ".join((*steps, *(f"ip neighbour replace proxy {rip} dev {link}" for rip in rips)))


def _arrives(
    vip: IPAddress, profile: RealServerProfile, outside: ContainerHost
) -> Iterator[Finding]:
    """Yield that a director's packets for the VIP (a tunnel's are for the RIP) get lost there."""
    if outside.arrival is None or profile.holder_link in HOLDING_ENDS:
        return
    host = outside.host
    route = _way(request(vip, outside.arrival, host), outside.arrival, host)
    if route.kind in ("local", GONE):
        return
    if route.kind != "unicast":
        leads = _DROPS.get(route.kind, route.kind)
    elif route.link != outside.gate:
        leads = f"it sends them on through {route.link}, until their TTL is used up"
    elif route.gateway is None:
        leads = (
            f"it asks on {route.link} who has the VIP, and the container is silent, as it has to"
        )
    else:
        return
    yield Finding(
        "HOST-ROUTE",
        ERROR,
        outside.gate,
        f"packets for {vip} that arrive on {outside.arrival} of this container's host do not get"
        f" into the container: {leads}",
        _routed(vip, outside),
        vip=vip,
    )


def _way(packet: Packet, link: str, host: Host) -> RouteTo:
    """Return what becomes of a packet that arrives on `link`."""
    route = host.routes[packet]
    # Of IPv6 the kernel looks up the route also where it would not take it.
    dropped = packet.destination.version == 6 and not host.forwards(6, link)
    return RouteTo("unreachable") if route.kind == "unicast" and dropped else route


def _routed(vip: IPAddress, outside: ContainerHost) -> str:
    version = vip.version
    rip = next((each for each in outside.rips if each.version == version), None)
    forwards = outside.arrival and outside.host.forwards(version, outside.arrival)
    every = "net/ipv4/ip_forward" if version == 4 else "net/ipv6/conf/all/forwarding"
    first = "" if forwards else f"sysctl -w {every}=1; "
    return (
        f"{first}ip -{version} route replace {host_interface(vip)} via {rip or 'RIP'}"
        f" dev {outside.gate}"
    )


def _returns(vip: IPAddress, outside: ContainerHost) -> Iterator[Finding]:
    """Yield that the container's answers, sent from the VIP, do not leave the host."""
    if outside.arrival is None:
        return
    kind = _way(answer(vip, outside.gate), outside.gate, outside.host).kind
    if kind in ("unicast", GONE):
        return
    gate, held = outside.gate, outside.host.held(vip)
    if kind == "refused":
        hint = _loosened(gate, outside.host)
    elif kind == "blackhole":
        hint = f"sysctl -w net/ipv4/conf/{gate}/accept_local=1" if held else _routed(vip, outside)
    else:
        scope = gate if vip.version == 4 else "all"
        hint = f"sysctl -w net/ipv{vip.version}/conf/{scope}/forwarding=1"
    yield Finding(
        "HOST-RETURN",
        ERROR,
        gate,
        f"answers from {vip} that come out of the container by {gate} do not leave its host:"
        f" {_DROPS.get(kind, kind)}",
        hint,
        vip=vip,
    )


def _loosened(gate: str, host: Host) -> str:
    """Return the commands that let the container's answers pass the reverse-path filter."""
    if any(ip.version == 4 for ip in host.addresses_of(gate)):
        return f"sysctl -w net/ipv4/conf/{gate}/rp_filter=2"
    # On a link without an address a loose filter is strict (net/ipv4/fib_frontend.c).
    scopes = ("all", gate) if host.pair("rp_filter", gate)[0] else (gate,)
    return "; ".join(f"sysctl -w net/ipv4/conf/{scope}/rp_filter=0" for scope in scopes)
