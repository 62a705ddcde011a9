"""Before a VIP is taken: whether it is a gateway's, and whether another host answers for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from lvsdr.errors import CannotRun, NoCarrier
from lvsdr.model.address import IPAddress
from lvsdr.model.host import Host
from lvsdr.model.late_dataclasses import dataclass, replace
from lvsdr.model.neighbour_claim import Answer, Heard
from lvsdr.model.profile import DirectorProfile
from lvsdr.proof.segment_hosts import Question, Segment
from lvsdr.rules.host.vip_gateways import routes_by
from lvsdr.rules.segment.answering_hosts import AnsweringHost, answers_by_address, hosts_that_answer
from lvsdr.rules.segment.lent_names import lent_findings
from lvsdr.rules.segment.mac_owners import MacOwners
from lvsdr.rules.segment.unheard import unheard

Ask = Callable[[Question], Heard]
# Of many VIPs that others have, so many are told.
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Asking:
    """How it is asked: `briefly` who owns the VIPs, `at_length` whose the MACs are that answer.

    `gateways` returns those of this host's routes.
    """

    briefly: Ask
    at_length: Ask
    gateways: Callable[[], Iterable[IPAddress]]


@dataclass(frozen=True, slots=True)
class Taken:
    """The VIPs that other hosts answer for, each with the host; `notes` people have to know."""

    hosts: tuple[tuple[IPAddress, AnsweringHost], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def vips(self) -> frozenset[IPAddress]:
        return frozenset(vip for vip, _ in self.hosts)


def refuse_taken(
    profile: DirectorProfile, vips: Iterable[IPAddress], host: Host, asking: Asking
) -> tuple[str, ...]:
    """Raise CannotRun where one of `vips` is another host's; return what people have to know."""
    taken = taken_vips(profile, vips, host, asking)
    if taken.hosts:
        (first, its), *rest = taken.hosts
        raise CannotRun(
            f"cannot take {first}: {its.answers(first)}",
            notes=[
                *(each.answers(vip) for vip, each in rest[: SHOWN - 1]),
                *([f"and {len(rest) - SHOWN + 1} more"] if len(rest) >= SHOWN else []),
                "nothing was changed: two hosts that answer for a VIP share its packets, and reset"
                " one another's connections",
                "to replace that host, apply with --take-over here, withdraw there, then announce"
                " here: in the other order requests are lost",
            ],
        )
    return taken.notes


def taken_vips(
    profile: DirectorProfile, vips: Iterable[IPAddress], host: Host, asking: Asking
) -> Taken:
    """Ask who has `vips`, and return which of them are another host's.

    What the link holds already, with whatever prefix length, is not asked for: this host answers
    for it. A real server of the profile that answers keeps nobody from taking a VIP, for that is
    what leads the traffic back to the director; unless this host is one of them too, for then the
    other may be a director as well. Nor does a proxy: it holds no VIP, and may answer so late that
    it would be chance whether it was heard. Raises CannotRun for the address of a gateway.
    """
    question = question_for(profile, vips, host)
    new = question.addresses
    if not new:
        return Taken()
    _not_of_a_gateway(new, asking)
    # Whose the MACs of real servers are is asked where somebody answers.
    segment = Segment(profile.interface, profile.vips, (), (), host)
    try:
        heard = asking.briefly(question)
    except NoCarrier as nobody:
        return Taken(notes=(f"nobody was asked who has the VIPs: {nobody.message}",))
    # Another link of this host on the segment answers for what the host has anywhere (ARP flux).
    answers = [each for each in heard.answers if each.mac not in segment.macs]
    notes = (unheard(segment.link, heard.lost).message,) if heard.lost else ()
    if not answers:
        return Taken(notes=notes)
    owners = _owners(profile, segment, asking)
    taken = _judged(new, answers, owners, sure=not heard.lost)
    return replace(taken, notes=notes + taken.notes)


def question_for(profile: DirectorProfile, vips: Iterable[IPAddress], host: Host) -> Question:
    """Return the question who has those of `vips` that are to come: the link does not hold them."""
    new = tuple(vip for vip in vips if profile.interface not in host.links_with(vip))
    return Question(profile.interface, new, *host.askers(profile.interface, profile.vips))


def _not_of_a_gateway(vips: Sequence[IPAddress], asking: Asking) -> None:
    gateways = frozenset(asking.gateways())
    for vip in vips:
        if vip in gateways:
            raise CannotRun(
                f"cannot take {vip}: it is the gateway of a route of this host, and the segment"
                " would lose it",
                notes=["nothing was changed; a VIP is an address that no other host has"],
                hints=[routes_by(vip)],
            )


def _owners(profile: DirectorProfile, segment: Segment, asking: Asking) -> MacOwners:
    """Return whose MACs are known: no real server's where this host is one of them."""
    rips = profile.rips
    if not rips or segment.host.ips & set(rips):
        return MacOwners()
    sources = segment.host.askers(segment.link, profile.vips)
    heard = asking.at_length(Question(segment.link, rips, *sources))
    return replace(segment, rips=rips).mac_owners(heard.answers)


def _judged(
    vips: Sequence[IPAddress], answers: Iterable[Answer], owners: MacOwners, *, sure: bool
) -> Taken:
    by_vip = answers_by_address(answers)
    notes = [each.message for each in lent_findings(frozenset(vips), by_vip, owners)]
    taken: list[tuple[IPAddress, AnsweringHost]] = []
    for vip in vips:
        servers, others, proxies = hosts_that_answer(vip, by_vip.get(vip, ()), owners)
        if not sure and vip.version == 4:
            # What tells an owner from a proxy, its answer to a probe, may have been lost.
            others, proxies = [*others, *proxies], []
        taken += ((vip, each) for each in others)
        notes += _known(vip, servers, proxies)
    return Taken(tuple(taken), tuple(notes))


def _known(
    vip: IPAddress, servers: Iterable[AnsweringHost], proxies: Iterable[AnsweringHost]
) -> Iterator[str]:
    for each in servers:
        yield f"{each.answers(vip)}, and is to be silent: lvsdr director verify"
    for each in proxies:
        yield f"{each.answers(vip)} as a proxy: lvsdr director verify"
