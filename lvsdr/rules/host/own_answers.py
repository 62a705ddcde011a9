"""What this host itself answers for the VIPs on one wire: it does not hear its own answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from lvsdr.model.address import IPAddress
from lvsdr.model.arp_settings import leaks
from lvsdr.model.host import Host
from lvsdr.model.route_lookup import Packet
from lvsdr.rules.host import arp_reply
from lvsdr.rules.host.arp_reply import Question, reply
from lvsdr.rules.host.askers import neighbour


def packets(vips: Iterable[IPAddress], link: str, host: Host) -> Iterator[Packet]:
    """Yield the packets that `answering_links` has looked up, for these VIPs and that link."""
    for vip in vips:
        for name in host.on_one_wire(link):
            for question in _questions(vip, name, host):
                yield from arp_reply.packets(question, host)


def answering_links(vip: IPAddress, link: str, host: Host) -> Iterator[str]:
    """Yield the links on the wire of `link` by which this host answers a neighbour for `vip`."""
    for name in host.on_one_wire(link):
        if vip.version == 6:
            answers = name in host.links_with(vip)
        else:
            answers = any(reply(question, host).answers for question in _questions(vip, name, host))
        if answers:
            yield name


def _questions(vip: IPAddress, link: str, host: Host) -> Iterator[Question]:
    """Yield who-has `vip`, but where the answer is surely none: proxies are told otherwise."""
    held = host.links_with(vip)
    here = link in held or ((held or host.is_local(vip, link)) and leaks(link, host))
    asker = neighbour(link, 4, host)
    if here and isinstance(vip, IPv4Address) and isinstance(asker, IPv4Address):
        yield Question(link, vip, asker)
