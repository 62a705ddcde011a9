"""A real server that answers for a VIP which it does not hold, or will when it has lost it."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from lvsdr.model.address import host_network
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.host import Host
from lvsdr.model.objects import GUARD_METRIC, Key, ProxyNeighbour
from lvsdr.model.profile import RealServerProfile, command
from lvsdr.rules.host.arp_reply import Question, reply
from lvsdr.rules.host.route_questions import arp_questions, lost_vips


def answering(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield the lost VIPs for which the host answers ARP in another's name."""
    for vip in lost_vips(profile, host):
        for question in arp_questions(vip, host):
            found = reply(question, host)
            if found.proxy:
                yield Finding(
                    "PROXY-ARP",
                    ERROR,
                    question.link,
                    f"{question.link}: this host answers ARP for {vip}, whatever arp_ignore says:"
                    f" {found.why}",
                    # What is held is answered for, or not, as arp_ignore says; no proxy is asked.
                    command(profile, "apply"),
                    vip=vip,
                    about=_about(found.proxy, question),
                )


def private_vlan(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield the links that answer for a VIP from the moment at which it is lost."""
    bare = [
        vip
        for vip in profile.vips
        if vip.version == 4
        and vip not in lost_vips(profile, host)
        and host_network(vip) not in host.dead_ends
    ]
    link = host.links.get(profile.interface)
    if bare and link is not None and link.speaks_arp:
        forwards = host.number(f"net/ipv4/conf/{link.name}/forwarding")
        if forwards and any(host.pair("proxy_arp_pvlan", link.name)):
            yield Finding(
                "PROXY-PVLAN",
                WARNING,
                link.name,
                f"{link.name} has proxy_arp_pvlan, and no guard route stands behind {bare[0]}: once"
                " the VIP is gone this host answers ARP for it",
                command(profile, "apply")
                if profile.guard
                else f"ip -4 route add unreachable {bare[0]} metric {GUARD_METRIC}",
                vip=bare[0],
            )


def vip_entries(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield the proxy neighbour entries that name a VIP: those that speak, and those that wait."""
    gone = lost_vips(profile, host)
    for entry in host.proxies:
        vip, link = entry.address, entry.link or "every link"
        if vip not in profile.vips or entry.link not in ("", *host.links):
            continue
        hint, about = _removal(entry, profile, host), frozenset({entry.key})
        if vip.version == 6 and answers_nd(entry, host):
            yield Finding(
                "PROXY-NDP",
                ERROR,
                link,
                f"{link} answers neighbour solicitations for {vip}: a proxy entry names it,"
                " with proxy_ndp and forwarding",
                hint,
                vip=vip,
                about=about,
            )
        elif vip.version == 6 or vip not in gone or not _speaks(entry, host):
            yield Finding(
                "PROXY-ENTRY",
                WARNING,
                link,
                f"a proxy entry on {link} names {vip}: this host may come to answer for it",
                hint,
                vip=vip,
                about=about,
            )


def doubled_rips(profile: RealServerProfile, host: Host) -> Iterator[Finding]:
    """Yield the entries by which the RIP of a container is at more than one MAC address."""
    for entry in host.proxies:
        if profile.needless(entry, host.proxies) and entry.link in host.links:
            hint = _removal(entry, profile, host)
            # On a segment of its own somebody may find the container by it.
            apart = host.speaks_arp(entry.link) and not host.same_segment(
                entry.link, profile.interface
            )
            yield Finding(
                "PROXY-FLUX",
                WARNING,
                entry.link,
                f"a proxy entry on {entry.link} names {entry.address}, and one on"
                f" {profile.interface} does: this host answers for it with two MAC addresses",
                "" if apart else hint,
                rip=entry.address,
                about=frozenset({entry.key}),
                look=f"whether anybody on {entry.link} finds it by that; else: {hint}"
                if apart
                else "",
            )


def _speaks(entry: ProxyNeighbour, host: Host) -> bool:
    """Return whether PROXY-ARP tells it already."""
    asked = arp_questions(entry.address, host)
    return any(entry.link in ("", item.link) and reply(item, host).proxy for item in asked)


def answers_nd(entry: ProxyNeighbour, host: Host) -> bool:
    """Return whether the host answers neighbour solicitations for what an entry names."""
    # ndisc_recv_ns() of net/ipv6/ndisc.c: the link's own forwarding, and proxy_ndp of either.
    forwards = host.number(f"net/ipv6/conf/{entry.link}/forwarding")
    return bool(forwards) and any(host.pair("proxy_ndp", entry.link, "ipv6"))


def _about(proxy: str, question: Question) -> frozenset[Key]:
    if proxy != "neighbour":
        return frozenset()
    links = (question.link, "")
    return frozenset(ProxyNeighbour(link, question.target).key for link in links)


def _removal(entry: ProxyNeighbour, profile: RealServerProfile, host: Host) -> str:
    if profile.removes(entry, host.proxies):
        return command(profile, "apply")
    if not entry.link:
        # Of every link: ip(8) wants one by its name, arp(8) does not.
        return f"arp -d {entry.address} pub"
    return (
        f"ip -{entry.address.version} neighbour del proxy {entry.address} dev {quote(entry.link)}"
    )
