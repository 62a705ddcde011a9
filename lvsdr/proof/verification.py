"""Verifying: is the host as its profile says, do the rules find no fault, does the wire agree."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from lvsdr.core.book import Book
from lvsdr.core.both_roles import DirectorVip, held_for_other_profiles, left_to_director
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.planned_situations import plan_apply, plan_standby
from lvsdr.core.situation import Situation
from lvsdr.core.workflow import new_vips
from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.host import Host
from lvsdr.model.ipvs import VirtualServer
from lvsdr.model.late_dataclasses import dataclass, replace
from lvsdr.model.neighbour_claim import Answer, Heard
from lvsdr.model.objects import SILENCE
from lvsdr.model.path import Proof, SharedMac
from lvsdr.model.profile import DirectorProfile, Profile, RealServerProfile
from lvsdr.model.service_proof import ClientPlace, ServiceProof
from lvsdr.profile.roles.foreign_servers import foreign
from lvsdr.proof.client_place import is_client
from lvsdr.proof.client_traffic import ClientTraffic, Hear, watched
from lvsdr.proof.director_probes import Probe, packets, prove, unasked
from lvsdr.proof.director_vips import as_director
from lvsdr.proof.led_astray import Follow, sent_astray
from lvsdr.proof.out_of_service_paths import as_it_serves, out_of_service_notes, with_down
from lvsdr.proof.segment_hosts import Question, Segment, segment_of
from lvsdr.proof.service_requests import FirstAsk, ask_on_segment
from lvsdr.proof.way_back import Gateways, asked_gateways
from lvsdr.rules.host import drift, firewall_notes, host_rules
from lvsdr.rules.host import harm_of_apply as harm
from lvsdr.rules.host.table_of_keepalived import words_alone
from lvsdr.rules.paths import path_findings as path_rules
from lvsdr.rules.paths.service_findings import service_findings
from lvsdr.rules.paths.shared_mac import shared_mac_findings
from lvsdr.rules.segment import who_answers
from lvsdr.rules.segment.mac_owners import MacOwners
from lvsdr.rules.segment.taken_vips import harm_of_taking
from lvsdr.rules.segment.unheard import unheard

Ask = Callable[[Question], Heard]
TellApart = Callable[[Question, Mapping[IPAddress, Collection[str]]], Iterable[SharedMac]]
"""Return which MACs several hosts have, of those with which the owner of each address answers."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, who answered for the VIPs, whose each MAC is, and what the paths are like.

    `foreign` are virtual servers that no profile names; `services` were asked as a client of
    `client`, None where this host is none. `notes` are what people have to know though nothing may
    be wrong.
    """

    findings: tuple[Finding, ...]
    heard: frozenset[Answer] = frozenset()
    names: Mapping[str, str] | None = None
    paths: tuple[Proof, ...] = ()
    foreign: tuple[VirtualServer, ...] = ()
    services: tuple[ServiceProof, ...] = ()
    client: ClientPlace | None = None
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not any(finding.severity == ERROR for finding in self.findings)

    def with_findings(self, findings: Iterable[Finding]) -> Verdict:
        """Return the verdict with `findings` as well."""
        return replace(self, findings=(*self.findings, *findings))


def realserver(
    profile: RealServerProfile, kernel: Kernel, book: Book, gateways: Gateways | None = None
) -> Verdict:
    """Return whether this host is the real server of `profile`, silent, and heard by clients.

    Whether the next hops of its answers are there is asked where there are `gateways`.
    """
    host, vips = _inspected(profile, kernel, book)
    found, _ = _state(profile, kernel, book, host, vips)
    found = (*found, *asked_gateways(profile, host, gateways))
    return Verdict(found, notes=tuple(firewall_notes.firewall_notes(host)))


def director(  # noqa: PLR0913 - each is a way to look
    profile: DirectorProfile,
    kernel: Kernel,
    book: Book,
    ask: Ask,
    probe: Probe | None,
    *,
    hear: Hear | None = None,
) -> Verdict:
    """Return whether this host is the director of `profile`, and the only one to answer.

    And whether each real server serves what it is sent, where there is a `probe`; `hear` hears what
    clients send meanwhile.
    """
    host, vips = _inspected(profile, kernel, book)
    found, situation = _state(profile, kernel, book, host, vips)
    if situation is None:
        return Verdict(tuple(words_alone(found, profile)))
    with watched(profile, kernel, host, hear) as traffic:
        return _proven(profile, host, found, situation, ask, probe, traffic)


def standby(
    profile: DirectorProfile, kernel: Kernel, book: Book, ask: Ask, probe: Probe | None
) -> Verdict:
    """Return whether this host is as one that stands by, and another the only one to answer.

    And whether each real server serves what this host would send it as the director.
    """
    host, _ = _inspected(profile, kernel, book)
    situation = plan_standby(profile, kernel, book)
    wrong = drift.standby_drift(profile, situation.todo)
    found = (*host_rules.standby_findings(profile, host), *wrong)
    return _proven(profile, host, found, situation, ask, probe, None)


def _proven(  # noqa: PLR0913, PLR0917 - what is known, and each way to look
    profile: DirectorProfile,
    host: Host,
    found: tuple[Finding, ...],
    situation: Situation,
    ask: Ask,
    probe: Probe | None,
    traffic: ClientTraffic | None,
) -> Verdict:
    """Return `found`, and who answers on the segment, what the paths are like, and the traffic."""
    segment = segment_of(profile, host, profile.interface)
    answered = ask(segment.question)
    owners = segment.mac_owners(answered.answers)
    verdict = _judged(segment, answered, owners)
    if traffic is not None:
        traffic.note()
    services, servers = foreign(profile, host, situation.record.baseline)
    serving, todo = as_it_serves(profile, situation, host), situation.todo
    proofs = prove(serving, host, probe, servers) if probe else unasked(serving, servers)
    clients = () if traffic is None else tuple(traffic.findings(proofs))
    others = [each for each in answered.answers if each.mac not in segment.macs]
    reason = harm_of_taking(new_vips(todo), others, owners)
    reason = reason or harm.harm_of_putting_back(found, harm.put_back(todo), proofs)
    found = harm.without_harm(found, profile, reason)
    # What its own settings say is not said again by what it hears of itself.
    known = {finding.rule for finding in found} & {"ARP-FLUX"}
    new = (each for each in verdict.findings if each.rule not in known)
    heard = harm.for_the_director(new, profile, found, who_answers.DIRECTOR)
    told = words_alone((*found, *heard, *path_rules.findings(proofs), *clients), profile)
    return Verdict(
        tuple(told),
        verdict.heard,
        verdict.names,
        tuple(with_down(situation, map(path_rules.hinted, proofs))),
        services,
        notes=tuple(out_of_service_notes(situation, proofs)),
    )


def any_host(  # noqa: PLR0913 - each is a way to look
    segment: Segment,
    kernel: Kernel,
    ask: Ask,
    follow: Follow,
    served: tuple[DirectorProfile, FirstAsk] | None = None,
    *,
    tell_apart: TellApart | None = None,
) -> Verdict:
    """Return who answers for the VIPs on `segment`, whatever this host is.

    And which VIPs this host itself leads to where nobody has them; and, where this host is a client
    of the profile of `served`, whether its services answer. `tell_apart` finds real servers that
    share a MAC.
    """
    heard = ask(segment.question)
    answered, owners = heard.answers, segment.mac_owners(heard.answers)
    verdict = _judged(segment, heard, owners)
    if tell_apart is not None:
        shared = tell_apart(segment.question, segment.owned(answered))
        verdict = verdict.with_findings(shared_mac_findings(shared))
    if served is not None and is_client(served[0], segment.link, segment.host):
        proofs = ask_on_segment(served[0], segment, answered, owners, served[1])
        told = {mac: owners.host(mac) for proof in proofs for mac in proof.answerers}
        verdict = replace(
            verdict.with_findings(service_findings(proofs, owners)),
            names={**(verdict.names or {}), **told},
            services=proofs,
            client="segment",
        )
    return verdict.with_findings(sent_astray(segment, kernel, follow))


def _inspected(
    profile: Profile, kernel: Kernel, book: Book
) -> tuple[Host, tuple[DirectorVip, ...]]:
    """Return the host, and what it holds as a director, taken from it in thought."""
    table, record = isinstance(profile, DirectorProfile), book.load(profile.real_servers)
    host = kernel.inspect(
        lambda seen: packets(profile, left_to_director(profile, seen, record)[0]), table=table
    )
    seen, vips = left_to_director(profile, host, record)
    return seen.without_held(held_for_other_profiles(profile, seen, record)), vips


def _state(
    profile: Profile, kernel: Kernel, book: Book, host: Host, vips: Iterable[DirectorVip]
) -> tuple[tuple[Finding, ...], Situation | None]:
    """Return what the rules and the profile say of this host, and what an apply would do.

    None where it would be refused.
    """
    found = (*as_director(vips), *host_rules.findings(profile, host))
    try:
        situation = plan_apply(profile, kernel, book, host=host)
    except CannotRun as refused:
        # What keeps the profile from being applied is what the rules have found.
        if not any(finding.severity == ERROR for finding in found):
            raise
        return harm.without_harm(found, profile, refused.message), None
    # What a rule has told, in words that say what it leads to, is not told again.
    told = {key for finding in found for key in finding.about}
    errors = (finding.rule for finding in found if finding.severity == ERROR)
    silent = not any(rule.startswith("ARP-") for rule in errors)
    rest = (
        change
        for change in situation.todo
        if change.key not in told and (silent or change.subject.layer != SILENCE)
    )
    found = (*found, *drift.drift(profile, tuple(rest)))
    reason = harm.harm_of_apply(profile, situation.todo, host)
    return harm.without_harm(found, profile, reason), situation


def _judged(segment: Segment, answered: Heard, owners: MacOwners) -> Verdict:
    """Return what the answers of the segment, and this host's own, mean."""
    heard = answered.answers | segment.own_answers()
    answers = who_answers.SegmentAnswers(heard, owners, answered.lost)
    found = tuple(who_answers.answer_findings(segment.vips, answers))
    if answered.lost:
        doubtful = who_answers.doubtful_hosts(segment.vips, answers)
        found = (*found, unheard(segment.link, answered.lost, doubtful))
    vips = frozenset(segment.vips)
    spoken = frozenset(item for item in heard if item.address in vips)
    return Verdict(found, spoken, {item.mac: owners.host(item.mac) for item in spoken})
