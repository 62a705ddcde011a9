"""The effective ARP settings of a link, what they mean, and who would answer for what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from lvsdr.model.arp_settings import RESERVED, SETTINGS, effective, meaning_of
from lvsdr.model.explanation import Answering, Explanation, Setting
from lvsdr.model.host import Host
from lvsdr.model.route_lookup import Packet
from lvsdr.rules.host import arp_reply
from lvsdr.rules.host.arp_reply import Question, reply
from lvsdr.rules.host.askers import neighbour

FILTER = {
    0: "off",
    1: "strict: drops what comes from where the route does not lead",
    2: "loose: drops what comes from where no route leads",
}


def links(named: str | None, host: Host) -> list[str]:
    """Return the links to explain: the named one and the master that speaks for it, or all.

    None where the host has no link of that name.
    """
    if named is None:
        return [link.name for link in host.links.values() if link.speaks_arp]
    chosen = [named] if named in host.links else []
    while chosen and (last := host.links[chosen[-1]]).enslaved and last.master in host.links:
        chosen.append(str(last.master))
    return chosen


def packets(named: str | None, extra: Sequence[IPv4Address], host: Host) -> Iterator[Packet]:
    """Yield the packets that the explanation of the links has looked up."""
    for link in links(named, host):
        for address in _addresses(extra, host):
            for question in _questions(link, address, host):
                yield from arp_reply.packets(question, host)


def explanation(link: str, extra: Sequence[IPv4Address], host: Host) -> Explanation:
    """Return what there is to say of a link; `extra` are addresses that need not be here."""
    seen = host.links[link]
    return Explanation(
        link=link,
        speaks=seen.speaks_arp,
        through=seen.master if seen.enslaved else None,
        settings=tuple(_settings(link, host)),
        answers=tuple(_answering(link, address, host) for address in _addresses(extra, host)),
    )


def _settings(link: str, host: Host) -> Iterator[Setting]:
    def larger(name: str, value: int, meaning: str) -> Setting:
        return Setting(name, *host.pair(name, link), value, meaning)

    def either(name: str, on: str) -> Setting:
        pair = host.pair(name, link)
        return Setting(name, *pair, int(any(pair)), on if any(pair) else "off")

    forwarding = host.pair("forwarding", link)
    for name in SETTINGS:
        value = effective(name, link, host)
        yield larger(name, value, meaning_of(name, value).meaning)
    yield either("arp_filter", "it answers only where the answer would leave through this link")
    yield either("proxy_arp", "it answers for what it forwards to another link")
    yield either("proxy_arp_pvlan", "it answers for what it forwards back through this link")
    # The kernel asks the link alone here.
    word = "it forwards what arrives here" if forwarding[1] else "off"
    yield Setting("forwarding", *forwarding, forwarding[1], word)
    value = effective("rp_filter", link, host)
    yield larger("rp_filter", value, FILTER.get(value, RESERVED))
    yield either("accept_local", "it takes packets from its own addresses")


def _answering(link: str, address: IPv4Address, host: Host) -> Answering:
    *own, probe = _questions(link, address, host)
    asked = next(iter(own), None)
    return Answering(
        address,
        None if asked is None else asked.sender,
        None if asked is None else reply(asked, host),
        reply(probe, host),
    )


def _questions(link: str, address: IPv4Address, host: Host) -> Iterator[Question]:
    asker = neighbour(link, 4, host)
    if isinstance(asker, IPv4Address) and host.links[link].speaks_arp:
        yield Question(link, address, asker)
    yield Question(link, address, None)


def _addresses(extra: Sequence[IPv4Address], host: Host) -> tuple[IPv4Address, ...]:
    own = (each.ip.ip for each in host.addresses)
    mine = (ip for ip in own if isinstance(ip, IPv4Address) and not ip.is_loopback)
    return tuple(dict.fromkeys((*extra, *mine)))
