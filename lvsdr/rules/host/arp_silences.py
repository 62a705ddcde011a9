"""Which addresses fall silent on ARP with other settings: the reply model, before and after."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from ipaddress import IPv4Address

from lvsdr.model.address import IPAddress
from lvsdr.model.arp_settings import effective
from lvsdr.model.host import Host
from lvsdr.model.route_lookup import Packet
from lvsdr.model.silence import EVERYBODY, OTHER_SUBNETS, Silence
from lvsdr.rules.host import arp_reply
from lvsdr.rules.host.arp_reply import Question, reply
from lvsdr.rules.host.askers import FAR, neighbour


def packets(before: Host, after: Host, spared: Collection[IPAddress]) -> Iterator[Packet]:
    """Yield the packets that `silences` has looked up."""
    for link, address in _affected(before, after, spared):
        for question in (*_near(link, address, before), _far(link, address)):
            yield from arp_reply.packets(question, before)


def silences(before: Host, after: Host, spared: Collection[IPAddress]) -> Iterator[Silence]:
    """Yield each address and link that is answered `before` and not `after`.

    The two differ in their settings alone, which no route depends on; the routes of `packets` are
    known. Of the addresses in `spared`, the VIPs, it is meant so.
    """
    for link, address in _affected(before, after, spared):
        near, far = _near(link, address, before), _far(link, address)
        holders = tuple(dict.fromkeys(before.links_with(address)))
        if _answered(near, before) and not _answered(near, after):
            yield Silence(link, address, holders)
        elif _answered((far,), before) and not _answered((far,), after):
            to = OTHER_SUBNETS if _answered(near, after) else EVERYBODY
            yield Silence(link, address, holders, to)


def _affected(
    before: Host, after: Host, spared: Collection[IPAddress]
) -> Iterator[tuple[str, IPv4Address]]:
    own = [ip for ip in before.ips if isinstance(ip, IPv4Address) and ip not in spared]
    # Nobody is asked for what is of every host.
    mine = sorted(ip for ip in own if not ip.is_loopback)
    for name, link in before.links.items():
        values = {effective("arp_ignore", name, host) for host in (before, after)}
        if link.speaks_arp and len(values) > 1:
            yield from ((name, ip) for ip in mine)


def _answered(questions: tuple[Question, ...], host: Host) -> bool:
    return any(reply(each, host).answers for each in questions)


def _near(link: str, address: IPv4Address, host: Host) -> tuple[Question, ...]:
    """Return who-has, as a neighbour asks it, of the address's own subnet if the link has that."""
    subnets = [
        ip.network
        for ip in host.addresses_of(link)
        if ip.version == 4 and address in ip.network and ip.network.num_addresses > 1
    ]
    own = host.ips
    near = (each for net in subnets for each in net.hosts() if each not in own)
    asker = next(near, neighbour(link, 4, host))
    probe = Question(link, address, None)
    return (Question(link, address, asker), probe) if isinstance(asker, IPv4Address) else (probe,)


def _far(link: str, address: IPv4Address) -> Question:
    """Return who-has, as one asks it that is on the wire with an address of another subnet."""
    asker = FAR[4]
    assert isinstance(asker, IPv4Address), "it is the one of IPv4"
    return Question(link, address, asker)
