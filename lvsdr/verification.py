"""The other story: is the host as its profile says, and does the wire agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from lvsdr.baseline import Book
from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, Answer, Finding
from lvsdr.model.objects import SILENCE
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile
from lvsdr.model.survey import Survey
from lvsdr.rules import answers, arp, drift, state, ways
from lvsdr.situation import Kernel, consider


@dataclass(frozen=True, slots=True)
class Question:
    """Who has `addresses`? To be asked on `link`, in the name of the sources as well as in none."""

    link: str
    addresses: tuple[IPAddress, ...]
    source4: IPv4Address | None
    source6: IPv6Address | None


Ask = Callable[[Question], frozenset[Answer]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, who answered for the VIPs, and whose each MAC is."""

    findings: tuple[Finding, ...]
    heard: frozenset[Answer] = frozenset()
    names: Mapping[str, str] | None = None

    @property
    def ok(self) -> bool:
        return not any(finding.severity == ERROR for finding in self.findings)


def realserver(profile: RealServerProfile, kernel: Kernel, book: Book) -> Verdict:
    """Return whether this host is the real server of `profile`, and silent."""
    return Verdict(_state(profile, kernel, book)[0])


def director(profile: DirectorProfile, kernel: Kernel, book: Book, ask: Ask) -> Verdict:
    """Return whether this host is the director of `profile`, and the only one to answer."""
    found, fit = _state(profile, kernel, book)
    if not fit:
        return Verdict(found)
    verdict = segment(profile, kernel, ask, profile.interface)
    return Verdict((*found, *verdict.findings), verdict.heard, verdict.names)


def _state(profile: Profile, kernel: Kernel, book: Book) -> tuple[tuple[Finding, ...], bool]:
    """Return what the rules and the profile say of this host, and whether it is fit for it."""
    table = isinstance(profile, DirectorProfile)
    host = kernel.inspect(ways.packets(profile, kernel.survey()), table=table)
    found = state.findings(profile, host)
    try:
        todo = consider(profile, kernel, book).todo
    except CannotRun:
        # What keeps the profile from being applied is what the rules have found.
        if not any(finding.severity == ERROR for finding in found):
            raise
        return found, False
    # What a rule has told, in words that say what it leads to, is not told again.
    told = {key for finding in found for key in finding.about}
    silent = not any(finding.rule.startswith("ARP-") for finding in found)
    rest = (
        change
        for change in todo
        if change.key not in told and (silent or change.subject.layer != SILENCE)
    )
    return (*found, *drift.drift(profile.role, tuple(rest))), True


def segment(profile: Profile, kernel: Kernel, ask: Ask, link: str | None = None) -> Verdict:
    """Return who answers for the VIPs of `profile` on the segment behind `link`.

    Without `link`, it is the one whose subnet holds a VIP or a RIP.
    """
    survey = kernel.survey()
    rips = profile.rips if isinstance(profile, DirectorProfile) else ()
    where = link or _link_towards((*profile.vips, *rips), profile.interface, survey)
    if where not in survey.links:
        raise CannotRun(
            f"cannot ask on link {where}: no such link", hints=["give --interface LINK"]
        )
    heard = ask(_question(where, profile.vips, rips, survey))
    hearing = _hearing(profile.vips, rips, where, survey, heard)
    found = tuple(answers.answers(profile.vips, hearing))
    spoken = frozenset(item for item in hearing.heard if item.address in profile.vips)
    return Verdict(found, spoken, _names(hearing, where, survey))


def _link_towards(addresses: Iterable[IPAddress], fallback: str, survey: Survey) -> str:
    for address in addresses:
        for link, ip in survey.addresses:
            near = address in ip.network and ip.network.num_addresses > 1
            if near and survey.links[link].speaks_arp:
                return link
    return fallback


def _question(
    link: str, vips: tuple[IPAddress, ...], rips: tuple[IPAddress, ...], survey: Survey
) -> Question:
    own = [ip.ip for ip in survey.addresses_of(link) if ip.ip not in vips]
    return Question(
        link,
        tuple(dict.fromkeys((*vips, *rips))),
        next((ip for ip in own if isinstance(ip, IPv4Address)), None),
        next((ip for ip in own if isinstance(ip, IPv6Address)), None),
    )


def _hearing(
    vips: tuple[IPAddress, ...],
    rips: tuple[IPAddress, ...],
    where: str,
    survey: Survey,
    heard: frozenset[Answer],
) -> answers.Hearing:
    mine = survey.links[where].mac
    spoken = frozenset(Answer(vip, mine, "self") for vip in vips if _answers(vip, where, survey))
    of_rips = {answer.mac: answer.address for answer in heard if answer.address in rips}
    own_rip = next((ip.ip for ip in survey.addresses_of(where) if ip.ip in rips), None)
    if own_rip is not None and not any(where in survey.links_with(vip) for vip in vips):
        # This host is a real server. One that holds a VIP on the link is a director, even where
        # it serves as well.
        of_rips[mine] = own_rip
    return answers.Hearing(heard | spoken, of_rips)


def _answers(vip: IPAddress, where: str, survey: Survey) -> bool:
    """Return whether this host itself answers for `vip` on the link: it does not hear itself."""
    held = survey.links_with(vip)
    return where in held or (bool(held) and vip.version == 4 and arp.leaks(where, survey))


def _names(hearing: answers.Hearing, where: str, survey: Survey) -> dict[str, str]:
    names = {mac: f"real server {rip}" for mac, rip in hearing.rips.items()}
    return {**names, survey.links[where].mac: "this host"}
