"""Would this host answer a who-has? The kernel's own decision, followed step by step.

After arp_process(), arp_ignore(), arp_filter(), arp_fwd_proxy() and arp_fwd_pvlan() of
net/ipv4/arp.c, and confirm_addr_indev() of net/ipv4/devinet.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from lvsdr.model.address import IPInterface
from lvsdr.model.arp_settings import (
    NOT_SCOPE_HOST,
    NOTHING,
    OF_THE_LINK,
    OF_THE_SUBNET,
    effective,
)
from lvsdr.model.explanation import Reply
from lvsdr.model.host import HeldAddress, Host
from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.route_lookup import GONE, Packet, RouteTo
from lvsdr.rules.host.filtered_packets import filtered

SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
LINK, HOST = SCOPES["link"], SCOPES["host"]


@dataclass(frozen=True, slots=True)
class Question:
    """Who has `target`? Arriving on `link`; `sender` is None for a probe, sent in nobody's name."""

    link: str
    target: IPv4Address
    sender: IPv4Address | None


def packets(question: Question, host: Host) -> Iterator[Packet]:
    """Yield the packets whose routes `reply` looks at."""
    if question.sender is not None:
        yield Packet(question.target, question.sender, question.link)
        yield _answer(question.sender, question, host)


def _answer(asker: IPv4Address, question: Question, host: Host) -> Packet:
    """Return the packet that arp_filter looks up: in the VRF, where the link is in one."""
    link = host.links.get(question.link)
    vrf = link.master if link is not None and link.master_kind == "vrf" else None
    return Packet(asker, question.target, leaving=vrf)


def reply(question: Question, host: Host) -> Reply:
    """Return what the kernel would do; the routes of `packets` have been asked for."""
    link = host.links[question.link]
    if link.enslaved:
        return Reply(False, f"{link.name} is a port of {link.master}, which speaks for it")
    if not link.speaks_arp:
        return Reply(False, f"{link.name} is down, or has no ARP")
    taken = _taken_away(question, host)
    if taken:
        return Reply(False, taken)
    if question.sender is None:
        return _to_probe(question, host)
    return _to_asker(question, host)


def _taken_away(question: Question, host: Host) -> str:
    """Return why the question does not come as far as the host's addresses, empty if it does."""
    target = question.target
    localnet = any(host.pair("route_localnet", question.link))
    if target.is_multicast or (target.is_loopback and not localnet):
        return f"nobody answers for {target}"
    # ipvlan_handle_mode_l3() of drivers/net/ipvlan: it gives ARP to the child, which has none.
    for item in host.held(target):
        child = host.links.get(item.link)
        if child and child.up and child.parent == question.link and child.mode == "l3":
            return f"{child.name}, an ipvlan of mode l3, takes the question, and has no ARP"
    return ""


def _to_probe(question: Question, host: Host) -> Reply:
    # A probe is for duplicates: no filter, no proxy, only what the host itself has.
    if not host.is_local(question.target, question.link):
        link, place = host.links[question.link], ""
        if link.table and question.target in host.ips:
            place = f" in the VRF of {link.name}"
        return Reply(False, f"{question.target} is not here{place}, and no proxy answers a probe")
    silent = _ignored(question, host)
    return Reply(False, silent) if silent else Reply(True, _own(question, host))


def _to_asker(question: Question, host: Host) -> Reply:
    arriving = host.routes[Packet(question.target, question.sender, question.link)]
    if arriving.kind == GONE:
        return Reply(False, f"{question.link} has gone")
    if arriving.kind == "refused" or _drops(arriving, question, host):
        return Reply(False, f"the reverse-path filter of {question.link} drops the question")
    if arriving.kind == "local":
        silent = _ignored(question, host) or _filtered(question, host)
        return Reply(False, silent) if silent else Reply(True, _own(question, host))
    if arriving.kind == "unicast":
        return _as_proxy(question, host, arriving.link)
    return Reply(False, f"{question.target} is not here, and would not be forwarded")


def _drops(arriving: RouteTo, question: Question, host: Host) -> bool:
    """Return whether it is the reverse-path filter that Linux 7.2 speaks of as of a blackhole."""
    if arriving.kind != "blackhole" or not host.is_local(question.target, question.link):
        return False
    assert question.sender is not None, "a probe is not filtered"
    return filtered(question.link, host.routes[_answer(question.sender, question, host)], host)


def _own(question: Question, host: Host) -> str:
    places = [item.link for item in host.held(question.target)]
    if question.link in places:
        return f"{question.target} is an address of {question.link} itself"
    value = effective("arp_ignore", question.link, host)
    held = f"held by {places[0]}" if places else "held by a local route"
    return f"{question.target} is {held}, and effective arp_ignore is {value}"


def _ignored(question: Question, host: Host) -> str:
    """Return why arp_ignore keeps the host silent, empty if it does not."""
    value = effective("arp_ignore", question.link, host)
    silent = f"effective arp_ignore is {value}: "
    if value == NOTHING:
        return f"{silent}it answers for nothing"
    if value in (OF_THE_LINK, OF_THE_SUBNET):
        own = [item for item in host.addresses if item.link == question.link]
        sender = question.sender if value == OF_THE_SUBNET else None
        if not _confirmed(question.target, sender, own, HOST, host):
            near = " to askers of its subnet" if value == OF_THE_SUBNET else ""
            return f"{silent}it answers for addresses of {question.link} only{near}"
    if value == NOT_SCOPE_HOST and not any(
        _confirmed(question.target, None, list(_of(link, host)), LINK, host) for link in host.links
    ):
        return f"{silent}it does not answer for addresses of scope host"
    # All others answer for whatever is local.
    return ""


def _of(link: str, host: Host) -> Iterator[HeldAddress]:
    return (item for item in host.addresses if item.link == link)


def _confirmed(
    target: IPv4Address,
    sender: IPv4Address | None,
    own: list[HeldAddress],
    widest: int,
    host: Host,
) -> bool:
    """Return whether `own`, the addresses of one link, have `target`, and a subnet with both."""
    held = any(
        item.ip.ip == target and min(_scope(item), _localnet(item.link, host)) <= widest
        for item in own
    )
    return held and any(
        _within(target, item.ip) and (sender is None or _within(sender, item.ip)) for item in own
    )


def _scope(item: HeldAddress) -> int:
    return SCOPES.get(item.scope) or (int(item.scope) if item.scope.isdigit() else 0)


def _localnet(link: str, host: Host) -> int:
    return LINK if any(host.pair("route_localnet", link)) else HOST


def _within(address: IPv4Address, ip: IPInterface) -> bool:
    return address in ip.network


def _filtered(question: Question, host: Host) -> str:
    if not any(host.pair("arp_filter", question.link)) or question.sender is None:
        return ""
    back = host.routes[_answer(question.sender, question, host)]
    if back.link == question.link:
        return ""
    return f"arp_filter: what goes to {question.sender} leaves through {back.link or 'no link'}"


def _as_proxy(question: Question, host: Host, out: str | None) -> Reply:
    """Return the decision for an address that would be forwarded through the link `out`."""
    link, target = question.link, question.target
    if out == link:
        if any(host.pair("proxy_arp_pvlan", link)) and question.sender != target:
            why = f"proxy_arp_pvlan: it would send {target} back through {link}"
            return Reply(True, why, "proxy_arp_pvlan")
        return Reply(False, f"{target} is not here: it would go back through {link}")
    if any(host.pair("proxy_arp", link)) and _media(link, out, host):
        why = f"proxy_arp and forwarding: the route to {target} is through {out}"
        return Reply(True, why, "proxy_arp")
    if any(item.address == target and item.link in (link, "") for item in host.proxies):
        return Reply(True, f"proxy neighbour: {target} is entered on {link}", "neighbour")
    return Reply(False, f"{target} is not here: it would be forwarded through {out}")


def _media(link: str, out: str | None, host: Host) -> bool:
    """Return whether medium_id allows a proxy between the links: 0 always, -1 never."""
    arriving = host.number(f"net/ipv4/conf/{link}/medium_id")
    leaving = host.number(f"net/ipv4/conf/{out}/medium_id")
    return arriving == 0 or (arriving != -1 and leaving not in (arriving, -1))
