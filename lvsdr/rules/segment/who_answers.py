"""Who answers ARP or neighbour discovery for a VIP, and who must not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lvsdr.model.address import IPAddress, resolution_protocol
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.neighbour_claim import Answer
from lvsdr.rules.segment.answering_hosts import (
    AnsweringHost,
    answers_by_address,
    as_proxy,
    hosts_of,
    strangers,
)
from lvsdr.rules.segment.lent_names import lent_findings
from lvsdr.rules.segment.mac_owners import MacOwners

PROXY = {
    "ARP": "what makes it a proxy: ip neighbour show proxy; sysctl -a -r proxy_arp",
    "ND": "what makes it a proxy: ip -6 neighbour show proxy; sysctl -a -r proxy_ndp",
}
# It may hold the VIP on its link, or lack a setting: only there the command that mends is known.
SILENCE = "lvsdr realserver verify says why; afterwards, on the director: lvsdr director announce"
PROGRAM = (
    "lvsdr realserver verify says whether its settings do it; else a program does: arping, a"
    " failover daemon, in network scripts, cron and timers too"
)
# Only there it is known whom an apply would harm: a checker may have taken real servers out.
LOST = "lvsdr director verify says why; lvsdr director apply holds the VIP where it is missing only"
WITHDRAW = "which of them is to be the director; on the other: lvsdr director withdraw"
UNKNOWN = "no RIP is known to tell them by: lvsdr verify DIRECTOR-PROFILE, the real servers up"
ONE_HOST = "lvsdr verify --dip DIP: what answers for the director's own address is the director"
DIRECTOR = "the director"
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class SegmentAnswers:
    """All answers about the VIPs, and the owners of their MACs.

    `answers` also has what this host itself answers, in the form "self". Where frames were `lost`,
    silence proves nothing: neither that nobody has a VIP, nor that who answers is only a proxy.
    """

    answers: frozenset[Answer]
    owners: MacOwners = field(default_factory=MacOwners)
    lost: int = 0


def answer_findings(vips: Iterable[IPAddress], found: SegmentAnswers) -> Iterator[Finding]:
    """Yield findings for each real server or proxy that claims a VIP, and if not one director does.

    Several MACs of one host count as one host. Where that is uncertain, the finding says so. Who
    claims any address for another's MAC is named, and not the host of that MAC.
    """
    wanted = tuple(vips)
    spoken = answers_by_address(found.answers)
    yield from lent_findings(frozenset(wanted), spoken, found.owners)
    for vip in wanted:
        hosts = hosts_of(spoken.get(vip, ()), found.owners)
        directors, proxies = strangers(vip, hosts)
        sure = vip.version == 6 or not found.lost
        yield from (_real_server(vip, host, sure=sure) for host in hosts if host.rip is not None)
        if not sure:
            # Who was not heard to answer a probe may have done so.
            proxies = []
        if len(directors) == len(proxies) == 1 and directors[0].forms == {"probe"}:
            # Linux's balance-alb gives each asker another MAC: the probe's is nobody, 0.0.0.0.
            yield _perhaps_one(vip, [*proxies, *directors])
            continue
        yield from _proxies(vip, proxies)
        if vip.version == 4:
            yield from (_flux(vip, host) for host in directors if len(_at_once(host)) > 1)
        if not directors and not found.lost:
            yield _nobody(vip)
        if len(directors) > 1:
            # Of real servers that were not heard, one may be among them.
            known = bool(found.owners.rips) and not found.lost
            yield _several(vip, directors, known)


def doubtful_hosts(vips: Iterable[IPAddress], found: SegmentAnswers) -> tuple[str, ...]:
    """Return the hosts of which too little was heard to say what they are, where some was lost."""
    spoken = answers_by_address(found.answers)
    proxies = (
        host
        for vip in vips
        if vip.version == 4
        for host in strangers(vip, hosts_of(spoken.get(vip, ()), found.owners))[1]
    )
    return tuple(dict.fromkeys(map(str, proxies)))


def _real_server(vip: IPAddress, host: AnsweringHost, *, sure: bool) -> Finding:
    protocol = resolution_protocol(vip)
    if host.forms == {"overheard"}:
        message = f"{host} speaks in the name of {vip} without being asked"
        return _finding(f"{protocol}-SPEAKS", vip, host, message, PROGRAM)
    if sure and as_proxy(host, vip):
        return _proxy(vip, host)
    message = f"{host.answers(vip)}: traffic bypasses the director"
    return _finding(f"{protocol}-ANSWER", vip, host, message, SILENCE)


def _proxy(vip: IPAddress, host: AnsweringHost) -> Finding:
    protocol = resolution_protocol(vip)
    message = f"{host.answers(vip)} as a proxy"
    return _finding(f"{protocol}-PROXY", vip, host, message, PROXY[protocol])


def _proxies(vip: IPAddress, hosts: Sequence[AnsweringHost]) -> Iterator[Finding]:
    """Yield the first of the proxies one by one: a forger invents as many as it likes."""
    yield from (_proxy(vip, host) for host in hosts[:_SHOWN])
    if more := hosts[_SHOWN:]:
        message = f"{len(more)} more hosts answer {resolution_protocol(vip)} for {vip} as proxies"
        yield _finding(
            f"{resolution_protocol(vip)}-PROXY",
            vip,
            more[0],
            message,
            PROXY[resolution_protocol(vip)],
        )


def _finding(rule: str, vip: IPAddress, host: AnsweringHost, message: str, look: str) -> Finding:
    place, mac = str(host.rip or host.macs[0]), host.macs[0]
    return Finding(rule, ERROR, place, message, vip=vip, mac=mac, rip=host.rip, look=look, on=place)


def _nobody(vip: IPAddress) -> Finding:
    return Finding(
        f"{resolution_protocol(vip)}-NOBODY",
        ERROR,
        str(vip),
        f"nobody answers {resolution_protocol(vip)} for {vip}: no router can reach it",
        vip=vip,
        look=LOST,
        on=DIRECTOR,
    )


def _at_once(host: AnsweringHost) -> frozenset[str]:
    """Return the MACs with which a host answers one and the same question.

    A bond answers each asker with one of its MACs; of several links in one subnet each answers.
    """
    own = {mac for mac, form in host.spoken if form == "self"}
    return max(
        (
            frozenset(own | {mac for mac, said in host.spoken if said == form})
            for form in ("own", "probe")
        ),
        key=len,
    )


def _flux(vip: IPAddress, host: AnsweringHost) -> Finding:
    macs = sorted(_at_once(host))
    return Finding(
        "ARP-FLUX",
        WARNING,
        str(vip),
        f"{host.name} answers each question for {vip} with {len(macs)} MAC addresses"
        f" ({', '.join(macs)}): several of its links are on this segment, and it is no bond",
        vip=vip,
        mac=macs[0],
        look="which of its links are on this segment: all but one want arp_ignore 1",
        on=DIRECTOR,
    )


def _perhaps_one(vip: IPAddress, hosts: Sequence[AnsweringHost]) -> Finding:
    return Finding(
        f"{resolution_protocol(vip)}-TWO-DIRECTORS",
        WARNING,
        str(vip),
        f"{_listed(hosts)} answer for {vip}, each one form of the question: one host with a bond"
        " (balance-alb), or two hosts",
        look=ONE_HOST,
        vip=vip,
        mac=hosts[0].macs[0],
    )


def _several(vip: IPAddress, hosts: Sequence[AnsweringHost], rips_known: bool) -> Finding:
    who = "hosts that are no real servers" if rips_known else "hosts"
    # Without the RIPs one of them may be a real server, and the director must not be the one to go.
    return Finding(
        f"{resolution_protocol(vip)}-TWO-DIRECTORS",
        ERROR,
        str(vip),
        f"{len(hosts)} {who} answer for {vip}: {_listed(hosts)}",
        look=WITHDRAW if rips_known else UNKNOWN,
        vip=vip,
        mac=hosts[0].macs[0],
    )


def _listed(hosts: Sequence[AnsweringHost]) -> str:
    more = f" and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else ""
    return ", ".join(map(str, hosts[:_SHOWN])) + more
