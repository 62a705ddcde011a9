"""The other story: is the host as its profile says, and does the wire agree."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from lvsdr.core.book import Book
from lvsdr.core.situation import Directed, Kernel, consider, directing
from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.neighbour_claim import Answer
from lvsdr.model.objects import SILENCE
from lvsdr.model.path import Proof
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile
from lvsdr.model.route_lookup import ForwardingOutcome
from lvsdr.model.survey import Survey
from lvsdr.proof.path_proofs import Probe, prove
from lvsdr.rules.host import arp_settings, drift, host_rules, route_questions
from lvsdr.rules.paths import path_findings as path_rules
from lvsdr.rules.paths import vip_given_up
from lvsdr.rules.segment import who_answers
from lvsdr.rules.segment.mac_owners import MacOwners


@dataclass(frozen=True, slots=True)
class Question:
    """Who has `addresses`? To be asked on `link`, in the name of the sources as well as in none."""

    link: str
    addresses: tuple[IPAddress, ...]
    source4: IPv4Address | None
    source6: IPv6Address | None


Ask = Callable[[Question], frozenset[Answer]]
Follow = Callable[[Mapping[IPAddress, str]], Mapping[IPAddress, ForwardingOutcome]]
"""Send a packet to each address, through the link it is mapped to, and see what becomes of it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, who answered for the VIPs, whose each MAC is, and what the paths are like."""

    findings: tuple[Finding, ...]
    heard: frozenset[Answer] = frozenset()
    names: Mapping[str, str] | None = None
    paths: tuple[Proof, ...] = ()

    @property
    def ok(self) -> bool:
        return not any(finding.severity == ERROR for finding in self.findings)

    def beside(self, findings: Iterable[Finding]) -> Verdict:
        """Return the verdict with `findings` as well."""
        return replace(self, findings=(*self.findings, *findings))


def realserver(profile: RealServerProfile, kernel: Kernel, book: Book) -> Verdict:
    """Return whether this host is the real server of `profile`, and silent."""
    return Verdict(_state(profile, kernel, book)[0])


def director(
    profile: DirectorProfile, kernel: Kernel, book: Book, ask: Ask, probe: Probe | None
) -> Verdict:
    """Return whether this host is the director of `profile`, and the only one to answer.

    And whether each real server serves what it is sent, where there is a `probe`.
    """
    found, fit = _state(profile, kernel, book)
    if not fit:
        return Verdict(found)
    verdict = segment(profile, kernel, ask, profile.interface)
    # What its own settings say is not said again by what it hears of itself.
    known = {finding.rule for finding in found} & {"ARP-FLUX"}
    heard = (finding for finding in verdict.findings if finding.rule not in known)
    proofs = prove(profile, kernel, probe) if probe else ()
    return Verdict(
        (*found, *heard, *path_rules.findings(proofs)),
        verdict.heard,
        verdict.names,
        tuple(map(path_rules.hinted, proofs)),
    )


def _state(profile: Profile, kernel: Kernel, book: Book) -> tuple[tuple[Finding, ...], bool]:
    """Return what the rules and the profile say of this host, and whether it is fit for it."""
    table = isinstance(profile, DirectorProfile)
    host = kernel.inspect(route_questions.packets(profile, kernel.survey()), table=table)
    directed = directing(profile, host.survey, book.load())
    host = host.less([(each.link, each.ip) for each in directed])
    found = (*_as_director(directed), *host_rules.findings(profile, host))
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


def _as_director(directed: Iterable[Directed]) -> Iterator[Finding]:
    """Yield what a real server says that is the director now: no fault, and yet it is not silent.

    Whether another one answers as well, only the segment can tell.
    """
    for each in directed:
        hint = "lvsdr director verify"
        vip = each.ip.ip
        yield Finding("VIP-DIRECTOR", WARNING, each.link, str(each), hint, vip=vip)


def segment(
    profile: Profile,
    kernel: Kernel,
    ask: Ask,
    link: str | None = None,
    dips: tuple[IPAddress, ...] = (),
) -> Verdict:
    """Return who answers for the VIPs of `profile` on the segment behind `link`.

    Without `link`, it is the one whose subnet holds a VIP or a RIP. What answers for one of
    `dips` is known for a director.
    """
    scene = look(profile, kernel.survey(), link, dips)
    heard = scene.hearing(ask(scene.question))
    found = tuple(who_answers.answer_findings(profile.vips, heard))
    vips = frozenset(profile.vips)
    spoken = frozenset(item for item in heard.answers if item.address in vips)
    macs = {item.mac for item in spoken}
    return Verdict(found, spoken, {mac: heard.owners.host(mac) for mac in macs})


def led_astray(
    profile: Profile, kernel: Kernel, follow: Follow, link: str | None = None
) -> Iterator[Finding]:
    """Yield the VIPs whose packets this host itself leads to where nobody has them.

    The segment is behind `link`, as in `segment`.
    """
    scene = look(profile, kernel.survey(), link)
    ways = vip_given_up.led(kernel.leading(scene.vips), scene.link, scene.survey)
    if ways:
        fates = follow({vip: way.link for vip, way in ways.items()})
        yield from vip_given_up.given_up(ways, fates, scene.survey)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where this host stands on the segment of a profile, and whom it has to know there."""

    link: str
    vips: tuple[IPAddress, ...]
    rips: tuple[IPAddress, ...]
    dips: tuple[IPAddress, ...]
    survey: Survey

    @property
    def question(self) -> Question:
        """What to ask to know all of them."""
        addresses = tuple(dict.fromkeys((*self.vips, *self.rips, *self.dips)))
        return Question(self.link, addresses, *self.survey.speakers(self.link, self.vips))

    @property
    def macs(self) -> frozenset[str]:
        """The MACs of this host: its links on one segment may all answer (ARP flux)."""
        links = self.survey.links.values()
        return frozenset(link.mac for link in links if link.mac and not link.loopback)

    @property
    def held(self) -> frozenset[IPAddress]:
        """The VIPs that this host holds as a director does, on the link itself."""
        here = {ip.ip for ip in self.survey.addresses_of(self.link)}
        return frozenset(here & set(self.vips))

    def speakers(self, heard: frozenset[Answer]) -> MacOwners:
        """Return whose MACs are known once they were asked for their addresses."""
        of_dips = owners(heard, self.dips)
        of_rips = {m: rip for m, rip in owners(heard, self.rips).items() if m not in of_dips}
        # This host is a real server. One that holds a VIP on the link is a director, even where
        # it serves as well.
        own_rip = next((ip.ip for _, ip in self.survey.addresses if ip.ip in self.rips), None)
        if own_rip is not None and not self.held:
            of_rips |= dict.fromkeys(self.macs, own_rip)
        return MacOwners(of_rips, self.macs, of_dips)

    def hearing(self, heard: frozenset[Answer]) -> who_answers.SegmentAnswers:
        """Return what was heard, with what this host itself answers, and whose the MACs are."""
        mine, vips = self.survey.links[self.link].mac, set(self.vips)
        leaks = arp_settings.leaks(self.link, self.survey)
        spoken = {
            Answer(ip.ip, mine, "self")
            for name, ip in self.survey.addresses
            if name == self.link or (ip.version == 4 and leaks)
        }
        # It does not hear itself.
        own = {item for item in spoken if item.address in vips}
        return who_answers.SegmentAnswers(heard | own, self.speakers(heard))


def look(
    profile: Profile, survey: Survey, link: str | None, dips: tuple[IPAddress, ...] = ()
) -> Scene:
    """Return where this host stands on the segment of `profile`; raise CannotRun without a link."""
    rips = profile.rips if isinstance(profile, DirectorProfile) else ()
    where = link or _link_towards((*profile.vips, *rips), profile.interface, survey)
    if where not in survey.links:
        raise CannotRun(
            f"cannot ask on link {where}: no such link", hints=["give --interface LINK"]
        )
    return Scene(where, profile.vips, rips, dips, survey)


def owners(heard: Iterable[Answer], addresses: Iterable[IPAddress]) -> dict[str, IPAddress]:
    """Return whose each MAC is that answers for one of `addresses` as its owner does.

    Several MACs may be one host's: a bond, or two links on the segment. What is only a proxy for
    an address, or only overheard, is not taken for its owner.
    """
    wanted = dict.fromkeys(addresses)
    told: dict[IPAddress, dict[str, set[str]]] = {}
    for item in heard:
        if item.address in wanted:
            told.setdefault(item.address, {}).setdefault(item.mac, set()).add(item.form)
    return {
        mac: address
        for address in reversed(wanted)
        for mac, forms in told.get(address, {}).items()
        if forms & _owning(address, told[address].values())
    }


def _owning(address: IPAddress, spoken: Collection[set[str]]) -> set[str]:
    """Return the forms in which only an owner answers for `address`."""
    if address.version == 6:
        return {"own", "probe"}
    # A bond (balance-alb) may give the probe's asker, 0.0.0.0, another MAC than us.
    split = {"probe"} in spoken and not any({"own", "probe"} <= forms for forms in spoken)
    return {"own", "probe"} if split else {"probe"}


def _link_towards(addresses: Iterable[IPAddress], fallback: str, survey: Survey) -> str:
    for address in addresses:
        for link, ip in survey.addresses:
            near = address in ip.network and ip.network.num_addresses > 1
            if near and survey.links[link].speaks_arp:
                return link
    return fallback
