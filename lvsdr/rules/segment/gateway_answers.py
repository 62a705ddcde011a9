"""What next hops did when they were asked: whether a real server's answers get any further."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.next_hop import HopAnswer, NextHop

# The ids of the findings that may be yielded.
IDS = ("GATEWAY-SILENT", "GATEWAY-DIRECTOR", "GATEWAY-NO-FORWARD", "WAY-BACK-UNPROVEN")


def gateway_findings(heard: Mapping[NextHop, HopAnswer]) -> Iterator[Finding]:
    """Yield the next hops that do not answer, or that showed no sign of passing packets on."""
    for hop, answer in heard.items():
        if not answer.macs:
            yield _silent(hop)
        elif set(answer.macs) & set(answer.director):
            yield _director(hop)
        elif answer.forwarding == "unreachable" and hop.named:
            yield _astray(hop)
        elif answer.forwarding == "silent":
            yield _still(hop)


def unproven(hops: tuple[NextHop, ...], reason: str) -> Finding:
    """Return that the next hops could not be asked."""
    places = ", ".join(f"{hop.address} on {hop.link}" for hop in hops)
    return Finding(
        "WAY-BACK-UNPROVEN",
        WARNING,
        hops[0].link,
        f"nobody has asked whether the next hop of answers is there ({places}): {reason}",
        look="run it as root, on a link with a carrier",
    )


def _silent(hop: NextHop) -> Finding:
    asked = "ARP" if hop.address.version == 4 else "neighbour solicitations"
    whom = (
        f"{hop.address}, the gateway for answers to {_clients(hop)}, does not answer {asked} on"
        f" {hop.link}"
        if hop.gateway
        else f"the route for answers to {_clients(hop)} has no gateway, and on {hop.link} nobody"
        f" answers {asked} for them: {hop.address} was asked for"
    )
    return Finding(
        "GATEWAY-SILENT",
        ERROR,
        hop.link,
        f"{whom}: what this host answers gets lost",
        look=f"whether the router is up and the route right: ip -{hop.towards[0].version} route"
        f" get {hop.towards[0]}",
    )


def _director(hop: NextHop) -> Finding:
    return Finding(
        "GATEWAY-DIRECTOR",
        WARNING,
        hop.link,
        f"{hop.address}, the gateway for answers to {_clients(hop)}, has the MAC of the director:"
        f" it drops what comes from {hop.vip}, an address of its own, but for accept_local",
        look="there, on the link to the real servers: net/ipv4/conf/LINK/accept_local has to be 1"
        " and net/ipv4/conf/LINK/forwarding too; or another router as the gateway here",
        vip=hop.vip,
    )


def _astray(hop: NextHop) -> Finding:
    return Finding(
        "GATEWAY-NO-FORWARD",
        ERROR,
        hop.link,
        f"{hop.address}, the gateway for answers to {_clients(hop)}, says that they are"
        " unreachable",
        look=f"the routes of {hop.address}, or another gateway here",
        on=str(hop.address),
    )


def _still(hop: NextHop) -> Finding:
    return Finding(
        "GATEWAY-NO-FORWARD",
        WARNING,
        hop.link,
        f"{hop.address}, the gateway for answers to {_clients(hop)}, did not show that it"
        " forwards: of packets that were to expire there, or up to five routers behind it, nobody"
        " told",
        look="whether it is a router at all (on Linux: net/ipv4/ip_forward,"
        " net/ipv6/conf/all/forwarding), or one that tells nobody of what expires",
        on=str(hop.address),
    )


def _clients(hop: NextHop) -> str:
    return ", ".join(hop.clients[:3]) + (", and others" if len(hop.clients) > 3 else "")
