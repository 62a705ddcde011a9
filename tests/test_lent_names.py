"""Who claims an address for another's MAC: the sender is named, and a healthy cluster never is."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.ipvs import Service
from lvsdr.model.neighbour_claim import Answer, AnswerForm, NeighbourClaim
from lvsdr.model.path import Path, Proof
from lvsdr.proof.segment_hosts import owning_macs
from lvsdr.rules.paths.path_findings import findings as path_findings
from lvsdr.rules.segment.answering_hosts import director_macs
from lvsdr.rules.segment.claim_monitor import ClaimMonitor
from lvsdr.rules.segment.mac_owners import MacOwners
from lvsdr.rules.segment.who_answers import SegmentAnswers, answer_findings
from lvsdr.wire.frames import arp, ethernet, neighbour_discovery
from lvsdr.wire.frames.arp import Arp
from lvsdr.wire.frames.claim_of_frame import decode
from lvsdr.wire.frames.ethernet import Frame
from lvsdr.wire.frames.neighbour_discovery import Advertisement, Solicitation
from lvsdr.wire.paths.next_hops import lent, macs_of

VIP, VIP6 = ip_address("192.0.2.2"), ip_address("2001:db8::2")
RIP, OTHER, DIP = (ip_address(f"192.0.2.{end}") for end in (11, 12, 10))
DIRECTOR, RS, RS2, FOE, SECOND = (f"02:00:00:00:00:{end}" for end in ("10", "11", "12", "66", "20"))
VMAC = "00:00:5e:00:01:33"
OWNERS = MacOwners({RS: RIP, RS2: OTHER})

Said = tuple[str, AnswerForm, str]


def says(mac: str, sender: str = "", *forms: AnswerForm) -> list[Said]:
    return [(mac, form, sender) for form in forms or ("own", "probe")]


def judged(*said: Said, vip: IPAddress = VIP, owners: MacOwners = OWNERS) -> list[Finding]:
    heard = frozenset(Answer(vip, mac, form, sender) for mac, form, sender in said)
    return list(answer_findings([vip], SegmentAnswers(heard, owners)))


def names(found: list[Finding]) -> list[tuple[str, str | None, IPAddress | None]]:
    return [(each.rule, each.mac, each.rip) for each in found]


# --- what a frame says ---------------------------------------------------------------------------


def framed(source: str, inside: str, kind: str) -> bytes:
    if kind == "arp":
        packet = arp.encode(Arp(arp.REPLY, inside, VIP, DIRECTOR, DIP))  # type: ignore[arg-type]
        return ethernet.encode(Frame(DIRECTOR, source, ethernet.ARP, packet))
    message: neighbour_discovery.Message = (
        Advertisement(VIP6, VIP6, VIP6, inside)  # type: ignore[arg-type]
        if kind == "advertisement"
        else Solicitation(VIP6, VIP6, VIP6, inside)  # type: ignore[arg-type]
    )
    body = neighbour_discovery.encode(message)
    return ethernet.encode(Frame(DIRECTOR, source, ethernet.IPV6, body))


@pytest.mark.parametrize("kind", ["arp", "advertisement", "solicitation"])
def test_a_claim_has_its_sender_where_that_is_not_who_it_speaks_of(kind: str) -> None:
    lie, truth = decode(framed(FOE, RS, kind)), decode(framed(RS, RS, kind))

    assert (lie.mac, lie.sender) == (RS, FOE)
    assert (truth.mac, truth.sender) == (RS, "")


# --- who is named --------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [RS, SECOND])
def test_who_claims_the_vip_for_another_is_named_and_that_one_is_not(inside: str) -> None:
    found = judged(*says(DIRECTOR), *says(inside, FOE))

    assert names(found) == [("ARP-SENDER", FOE, None)]
    assert found[0].severity == ERROR
    assert (found[0].subject, found[0].on) == (FOE, FOE)
    assert inside in found[0].message


def test_a_real_server_that_lies_about_its_neighbour_is_named() -> None:
    assert names(judged(*says(DIRECTOR), *says(RS, RS2))) == [("ARP-SENDER", RS2, OTHER)]


def test_a_real_server_that_answers_itself_is_named_as_well() -> None:
    found = judged(*says(DIRECTOR), *says(RS), *says(RS, FOE))

    assert names(found) == [("ARP-SENDER", FOE, None), ("ARP-ANSWER", RS, RIP)]


def test_where_nobody_else_has_the_vip_it_is_said_too() -> None:
    assert names(judged(*says(RS, FOE))) == [("ARP-SENDER", FOE, None), ("ARP-NOBODY", None, None)]
    only_own = judged(*says(SECOND, FOE, "own"))
    assert [each.rule for each in only_own] == ["ARP-SENDER", "ARP-NOBODY"]


def test_of_neighbour_discovery_it_is_the_same() -> None:
    found = judged(*says(DIRECTOR, "", "own"), *says(RS, FOE, "own"), vip=VIP6)

    assert names(found) == [("ND-SENDER", FOE, None)]


def test_a_rip_is_claimed_for_nobody_else_either() -> None:
    told = [Answer(VIP, DIRECTOR, "own"), Answer(VIP, DIRECTOR, "probe")]
    told += [Answer(RIP, RS, form) for form in ("own", "probe")]
    told += [Answer(RIP, RS2, "own", FOE)]

    (found,) = answer_findings([VIP], SegmentAnswers(frozenset(told), OWNERS))

    assert (found.rule, found.mac, found.vip) == ("ARP-SENDER", FOE, None)


def test_senders_without_number_are_few_findings() -> None:
    foes = [f"02:66:00:00:{number >> 8:02x}:{number & 255:02x}" for number in range(1000)]

    found = judged(*says(DIRECTOR), *(said for foe in foes for said in says(RS, foe)))

    assert [each.rule for each in found] == ["ARP-SENDER"] * 8
    assert found[-1].message.endswith("; and 992 more")


# --- what is right -------------------------------------------------------------------------------

RIGHT = [
    pytest.param(says(DIRECTOR, SECOND), OWNERS, id="a bond that sends from another link"),
    pytest.param(
        [*says(DIRECTOR), *says(DIRECTOR, SECOND)], OWNERS, id="and from its own, now and then"
    ),
    pytest.param([*says(DIRECTOR), *says(DIRECTOR, FOE)], OWNERS, id="a switch that says it too"),
    pytest.param(says(VMAC, DIRECTOR), OWNERS, id="a virtual router's MAC, from its link"),
    pytest.param(
        [*says(VMAC), *says(VMAC, SECOND, "overheard")], OWNERS, id="from any of its routers"
    ),
    pytest.param(
        says(DIRECTOR, SECOND),
        MacOwners({RS: RIP}, dips={DIRECTOR: DIP, SECOND: DIP}),
        id="two MACs of the director",
    ),
    pytest.param(
        [(DIRECTOR, "self", ""), *says(DIRECTOR, FOE)],
        MacOwners({RS: RIP}, frozenset({DIRECTOR})),
        id="of this host, which holds it",
    ),
]


@pytest.mark.parametrize(("said", "owners"), RIGHT)
def test_who_leads_nothing_astray_is_not_named(said: list[Said], owners: MacOwners) -> None:
    assert judged(*said, owners=owners) == []


def test_a_bond_of_ipv6_that_balances_its_answers_is_the_director() -> None:
    said = says(DIRECTOR, SECOND, "own")

    heard = [Answer(VIP6, mac, form, sender) for mac, form, sender in said]

    assert judged(*said, vip=VIP6) == []
    assert director_macs(VIP6, heard, OWNERS) == (frozenset({DIRECTOR}),)


def test_where_two_are_claimed_who_says_so_is_told() -> None:
    (found,) = judged(*says(DIRECTOR, SECOND), *says(RS, FOE), owners=MacOwners())

    assert found.rule == "ARP-TWO-DIRECTORS"
    assert f"({DIRECTOR}; {SECOND} says so)" in found.message


# --- whose a MAC is ------------------------------------------------------------------------------


def test_no_lie_makes_a_mac_a_real_server_s() -> None:
    truth = [Answer(RIP, RS, "probe"), Answer(VIP, DIRECTOR, "probe")]
    lies = [Answer(RIP, SECOND, "probe", FOE), Answer(OTHER, DIRECTOR, "probe", FOE)]
    lies += [Answer(OTHER, RS, "probe", FOE)]

    assert owning_macs([*truth, *lies], [OTHER, RIP]) == {RS: RIP}


def test_a_real_server_whose_bond_sends_from_another_link_is_known() -> None:
    assert owning_macs([Answer(RIP, RS, "probe", SECOND)], [RIP]) == {RS: RIP}


# --- watching ------------------------------------------------------------------------------------


def monitor(owners: MacOwners = OWNERS) -> ClaimMonitor:
    return ClaimMonitor(owners, {VIP: (frozenset({DIRECTOR}),)}, rips=[RIP, OTHER])


@pytest.mark.parametrize("form", ["request", "reply", "announcement"])
@pytest.mark.parametrize("inside", [RS, SECOND])
def test_watch_names_the_sender(form: str, inside: str) -> None:
    said = NeighbourClaim(VIP, inside, form, sender=FOE)  # type: ignore[arg-type]

    event = monitor().hear(said, 0.0)

    assert event is not None
    assert (event.rule, event.severity, event.mac) == ("ARP-SENDER", ERROR, FOE)
    assert (event.rip, event.on) == (None, FOE)


def test_watch_names_a_real_server_that_is_the_sender() -> None:
    event = monitor().hear(NeighbourClaim(VIP, RS, "announcement", sender=RS2), 0.0)

    assert event is not None
    assert (event.rule, event.mac, event.rip) == ("ARP-SENDER", RS2, OTHER)


def test_watch_lets_anybody_say_where_the_director_is() -> None:
    watching = monitor()

    assert watching.hear(NeighbourClaim(VIP, DIRECTOR, "reply", sender=SECOND), 0.0) is None
    # It is still the director for what comes next.
    assert watching.hear(NeighbourClaim(VIP, DIRECTOR, "announcement"), 1.0) is None


def test_watch_learns_no_real_server_from_what_another_says() -> None:
    watching = monitor(MacOwners())
    watching.hear(NeighbourClaim(RIP, DIRECTOR, "request", sender=FOE), 0.0)
    watching.hear(NeighbourClaim(RIP, SECOND, "request", sender=FOE), 0.0)

    event = watching.hear(NeighbourClaim(VIP, SECOND, "announcement"), 1.0)

    assert event is not None
    assert (event.rule, event.rip) == ("ARP-TWO-DIRECTORS", None)


# --- the way to a real server --------------------------------------------------------------------

WEB = Service("tcp", VIP, 80)


def test_next_hops_are_led_astray_by_who_says_so() -> None:
    truth = [Answer(RIP, RS, "own"), Answer(RIP, RS, "probe")]
    lie = Answer(RIP, RS2, "own", FOE)

    assert (macs_of(truth), lent(truth)) == ({RS}, set())
    assert macs_of([*truth, Answer(RIP, RS, "own", FOE)]) == {RS}
    assert (macs_of([*truth, lie]), lent([*truth, lie])) == ({RS, RS2}, {(FOE, RS2)})
    # Nobody else has it: a bond, or a gateway that is a virtual router.
    assert (macs_of([lie]), lent([lie])) == ({RS2}, set())


def test_a_real_server_claimed_for_another_s_mac_names_the_one_who_does() -> None:
    lies = Proof(Path(WEB, VIP, RIP, 80), "duplicate-rip", macs=(RS, RS2), lent=((FOE, RS2),))

    (found,) = path_findings([lies])

    assert (found.rule, found.mac, found.on) == ("PATH-DUPLICATE-RIP", FOE, FOE)
