"""What the host of a container does to the container's VIPs: it may answer, or lose packets."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from lvsdr.model.address import IPAddress, host_interface
from lvsdr.model.arp_settings import effective
from lvsdr.model.container_host import ContainerHost
from lvsdr.model.explanation import Reply
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.holder_kinds import HOLDING_ENDS
from lvsdr.model.host import Host
from lvsdr.model.profile import Profile, RealServerProfile
from lvsdr.model.route_lookup import GONE, Packet, RouteTo
from lvsdr.rules.host import arp_reply, bridge_filters, proxy_arp
from lvsdr.rules.host.container_cable import answer, questions, request, to_container
from lvsdr.rules.host.filtered_packets import filtered
from lvsdr.rules.host.link_switches import loosened, quiet, silenced_by_ignoring, switched

# The ids of the findings that may be yielded.
IDS = ("HOST-ANSWERS", "HOST-ROUTE", "HOST-RETURN", "BRIDGE-DELAY", "BRIDGE-FILTER")
Remedy = tuple[str, str]
"""A command, or words that say where to look; the other one is empty."""

# A host that begins to forward IPv6 forgets the routers that it has heard of.
FORWARDING6 = "net/ipv6/conf/all/forwarding is 0 (first, accept_ra=2 of the link to its router)"
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
            hint, look = _silenced(found, question, outside)
            yield Finding(
                "HOST-ANSWERS",
                ERROR,
                question.link,
                f"the host of this container answers ARP for {vip} on {question.link}: {found.why}",
                hint,
                vip=vip,
                look=look,
            )
    for entry in outside.host.proxies if vip.version == 6 else ():
        if entry.address == vip and proxy_arp.answers_nd(entry, outside.host):
            yield Finding(
                "HOST-ANSWERS",
                ERROR,
                entry.link,
                f"the host of this container answers neighbour solicitations for {vip} on"
                f" {entry.link}: a proxy entry names it, with proxy_ndp and forwarding",
                f"ip -6 neighbour del proxy {vip} dev {quote(entry.link)}",
                vip=vip,
            )


def _silenced(found: Reply, question: arp_reply.Question, outside: ContainerHost) -> Remedy:
    """Return what silences the host, and leaves all other addresses reachable."""
    link, vip = question.link, question.target
    if found.proxy == "neighbour":
        return f"ip neighbour del proxy {vip} dev {quote(link)}", ""
    if found.proxy:
        if _alone(link, outside):
            return "; ".join(_unproxied(found.proxy, link, outside)), ""
        look = f"{found.proxy} of {link} or of all: other containers may be found by it; what is"
        return "", f"{look} to be found needs an entry of its own: ip neighbour show proxy"
    held = ", ".join(dict.fromkeys(outside.host.links_with(vip))) or "a local route"
    look = f"while this host has {vip} itself ({held}), it keeps what is for the container"
    others = silenced_by_ignoring(link, (vip,), outside.host)
    if effective("arp_ignore", link, outside.host) or others:
        return "", look
    return quiet(link), look


def _alone(link: str, outside: ContainerHost) -> bool:
    """Return whether no other container is to be found through `link`."""
    links, gate = outside.host.links, outside.gate
    others = (each.name for each in links.values() if each.speaks_arp)
    return links[gate].link_kind != "bridge" and not {*others} - {link, gate}


def _unproxied(proxy: str, link: str, outside: ContainerHost) -> Iterator[str]:
    # What is to be found is entered before the switch goes.
    for rip in outside.rips:
        if rip.version == 4:
            yield f"ip neighbour replace proxy {rip} dev {quote(link)}"
    if outside.host.pair(proxy, link)[0]:
        # The container finds its gateway by it.
        yield switched(outside.gate, proxy, 1)
        yield switched("all", proxy, 0)
    yield switched(link, proxy, 0)


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
    hint, look = _routed(vip, outside)
    yield Finding(
        "HOST-ROUTE",
        ERROR,
        outside.gate,
        f"packets for {vip} that arrive on {outside.arrival} of this container's host do not get"
        f" into the container: {leads}",
        hint,
        vip=vip,
        look=look,
    )


def _way(packet: Packet, link: str, host: Host) -> RouteTo:
    """Return what becomes of a packet that arrives on `link`."""
    route = host.routes[packet]
    # Of IPv6 the kernel looks up the route also where it would not take it.
    dropped = packet.destination.version == 6 and not host.forwards(6, link)
    return RouteTo("unreachable") if route.kind == "unicast" and dropped else route


def _routed(vip: IPAddress, outside: ContainerHost) -> Remedy:
    """Return what brings the VIP's packets into the container, and takes them from nobody."""
    version, gate, arrival = vip.version, outside.gate, outside.arrival
    assert arrival is not None, "nothing is asked of a host on which nothing arrives"
    rip = next((each for each in outside.rips if each.version == version), None)
    via = "the container's own address" if rip is None else rip
    way = f"ip -{version} route replace {host_interface(vip)} via {via} dev {quote(gate)}"
    route = outside.host.routes[request(vip, arrival, outside.host)]
    taken = route.kind == "unicast" and route.link not in (arrival, gate)
    settings = (f"net/ipv{version}/conf/{link}/forwarding" for link in (arrival, gate))
    closed = [each for each in settings if not outside.host.number(each)]
    if rip is None or taken or (version == 6 and closed):
        now = f", but {route.link} has those packets now" if taken else ""
        return "", f"the way into the container{now}: {way}" + (
            f"; {FORWARDING6}" if closed else ""
        )
    return "; ".join((way, *(f"sysctl -w {quote(each)}=1" for each in closed))), ""


def _returns(vip: IPAddress, outside: ContainerHost) -> Iterator[Finding]:
    """Yield that the container's answers, sent from the VIP, do not leave the host."""
    if outside.arrival is None:
        return
    kind = _way(answer(vip, outside.gate), outside.gate, outside.host).kind
    if kind in ("unicast", GONE):
        return
    gate, held = outside.gate, outside.host.held(vip)
    # From Linux 7.2 on what the filter drops has the errno of a blackhole: the route back tells.
    if kind == "blackhole" and vip.version == 4:
        back = outside.host.routes[to_container(vip)]
        kind = "refused" if filtered(gate, back, outside.host) else kind
    if kind == "refused":
        mended = loosened(gate, outside.host), ""
    elif kind == "blackhole" and not held:
        mended = _routed(vip, outside)
    elif kind == "blackhole":
        mended = switched(gate, "accept_local", 1), ""
    elif vip.version == 4:
        mended = switched(gate, "forwarding", 1), ""
    else:
        mended = "", FORWARDING6
    yield Finding(
        "HOST-RETURN",
        ERROR,
        gate,
        f"answers from {vip} that come out of the container by {gate} do not leave its host:"
        f" {_DROPS.get(kind, kind)}",
        mended[0],
        vip=vip,
        look=mended[1],
    )
