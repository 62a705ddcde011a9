"""Paths: which there are, how they are approached, what replies mean, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from ipaddress import ip_address, ip_interface

import pytest

from fake import host
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.host import Host
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.ipvs_tunnel import Tunnel
from lvsdr.model.neighbour_claim import Answer, AnswerForm
from lvsdr.model.objects import Address
from lvsdr.model.path import VERDICTS, Path, PathDetail, PathVerdict, Proof, RealServerRoute
from lvsdr.model.profile import DirectorProfile, LabelledVip, ProbeTarget
from lvsdr.model.route_lookup import RouteTo
from lvsdr.profile.roles.director_paths import paths
from lvsdr.proof import director_probes
from lvsdr.render import text
from lvsdr.render.results import Verified
from lvsdr.render.status_verify_text import path_lines
from lvsdr.rules.host import route_questions
from lvsdr.rules.paths import path_faults, unproven_paths
from lvsdr.rules.paths import path_findings as rules
from lvsdr.wire.paths.next_hops import macs_of
from lvsdr.wire.paths.path_verdict import PathReplies, path_verdict
from lvsdr.wire.paths.probe import ProbeReply

MACS = MAC, _ = "02:00:00:00:00:11", "02:00:00:00:00:12"
VIP, OTHER, RIP, SECOND = map(ip_address, ("192.0.2.2", "192.0.2.3", "192.0.2.11", "192.0.2.12"))
RIP6 = ip_address("2001:db8::11")
FAR, ROUTER = ip_address("203.0.113.11"), ip_address("192.0.2.1")
WEB, DNS = Service("tcp", VIP, 80), Service("udp", VIP, 53)
MARK = Service("fwmark", fwmark=7)
OPEN, CLOSED = ProbeReply("open", MAC), ProbeReply("closed", MAC)
ON_ETH0 = Address("eth0", ip_interface("192.0.2.10/24"))


def error(kind: str, *, outer: bool = False) -> ProbeReply:
    return ProbeReply(kind, MAC, outer)


def path(service: Service = WEB, method: str = "dr", rip: IPAddress = RIP) -> Path:
    return Path(service, service.vip, rip, service.port, method)


def profile(*servers: RealServer, vips: Sequence[IPAddress] = (VIP,)) -> DirectorProfile:
    services = dict.fromkeys(server.service for server in servers)
    return DirectorProfile(
        "web",
        "eth0",
        tuple(LabelledVip(vip, None) for vip in vips),
        tuple(map(VirtualServer, services)),
        servers,
    )


# What replies mean.


@pytest.mark.parametrize(
    ("asked", "heard", "said"),
    [
        (path(), PathReplies(OPEN), ("served", "")),
        (path(), PathReplies(CLOSED), ("port-closed", "")),
        (path(), PathReplies(CLOSED, port=CLOSED), ("port-closed", "")),
        (path(), PathReplies(CLOSED, port=OPEN), ("port-closed", "rip-listens")),
        (path(DNS), PathReplies(error("port")), ("port-closed", "rip-may-listen")),
        (path(DNS), PathReplies(error("port"), port=error("port")), ("port-closed", "")),
        (path(), PathReplies(error("port")), ("filtered", "rejected")),
        (path(), PathReplies(error("prohibited")), ("filtered", "rejected")),
        (path(), PathReplies(error("expired")), ("vip-missing-and-forwards", "")),
        (path(), PathReplies(error("unreachable")), ("vip-missing", "unreachable")),
        (path(), PathReplies(vip=OPEN), ("filtered", "held")),
        (path(DNS), PathReplies(vip=OPEN), (None, "no-answer")),
        (path(DNS), PathReplies(OPEN), ("served", "")),
        # An echo says who holds the VIP, and nothing of a port.
        (Path(MARK, VIP, RIP, 0), PathReplies(OPEN), ("served", "vip-held")),
        (Path(MARK, VIP, RIP, 80, protocol="tcp"), PathReplies(OPEN), ("served", "")),
        (Path(MARK, VIP, RIP, 53, protocol="udp"), PathReplies(vip=OPEN), (None, "no-answer")),
        (Path(MARK, None, RIP, 0, "masquerade"), PathReplies(OPEN), (None, "no-port")),
        # Without a VIP it is the RIP that was asked.
        (Path(MARK, None, RIP, 0), PathReplies(OPEN), (None, "no-vip")),
        (Path(MARK, None, RIP, 0), PathReplies(), (None, "no-vip")),
        (Path(MARK, None, RIP, 0), PathReplies(error("unreachable")), ("down", "")),
        (path(DNS), PathReplies(vip=OPEN, limited=True), (None, "rate-limited")),
        (path(), PathReplies(vip=error("expired")), ("vip-missing-and-forwards", "")),
        (path(), PathReplies(rip=OPEN), ("vip-missing", "")),
        (path(), PathReplies(port=CLOSED), ("vip-missing", "")),
        (path(), PathReplies(), ("filtered", "mute")),
        # Another MAC than that of the RIP said all that was said.
        (path(), PathReplies(stranger=MACS[1]), (None, "other-mac")),
        # It itself was heard too, and it was silent on the service.
        (path(), PathReplies(vip=OPEN, stranger=MACS[1]), ("filtered", "held")),
        # A datagram that somebody may have guessed proves nothing; what TCP answers cannot be.
        (path(DNS), PathReplies(OPEN, guessed=True), (None, "guessed")),
        (path(), PathReplies(OPEN, guessed=True), ("served", "")),
        (path(method="tunnel"), PathReplies(error("port", outer=True)), ("no-tunnel", "")),
        (path(DNS, "tunnel"), PathReplies(error("port", outer=True)), ("no-tunnel", "")),
        (path(method="tunnel"), PathReplies(error("protocol", outer=True)), ("no-tunnel", "")),
        (path(method="tunnel"), PathReplies(error("unreachable", outer=True)), ("down", "")),
        (path(method="tunnel"), PathReplies(rip=OPEN), ("filtered", "reverse-path")),
        (path(method="tunnel"), PathReplies(rip=OPEN, tunnel=OPEN), ("vip-missing", "")),
        (path(method="masquerade"), PathReplies(CLOSED, port=OPEN), ("port-closed", "")),
        (path(method="masquerade"), PathReplies(error("unreachable")), ("down", "")),
    ],
)
def test_replies_have_one_meaning(
    asked: Path, heard: PathReplies, said: tuple[PathVerdict | None, PathDetail]
) -> None:
    assert path_verdict(asked, heard, routed=False) == said


def test_silence_behind_a_router_is_a_host_that_is_down() -> None:
    assert path_verdict(path(method="tunnel"), PathReplies(), routed=True) == ("down", "")


# Which paths there are.


def test_there_is_a_path_for_each_real_server_of_each_service() -> None:
    servers = [
        RealServer(service, rip, service.port) for service in (WEB, DNS) for rip in (RIP, SECOND)
    ]

    found = paths(profile(*servers))

    assert [(each.service, each.rip) for each in found] == [
        (WEB, RIP),
        (WEB, SECOND),
        (DNS, RIP),
        (DNS, SECOND),
    ]


def test_a_firewall_mark_stands_for_the_vips_that_no_service_names() -> None:
    servers = RealServer(WEB, RIP, 80), RealServer(MARK, RIP, 0)

    found = paths(profile(*servers, vips=(VIP, OTHER)))

    assert [(each.service, each.vip) for each in found] == [(WEB, VIP), (MARK, OTHER)]


def test_a_firewall_mark_stands_for_all_vips_where_services_name_them_all() -> None:
    found = paths(profile(RealServer(WEB, RIP, 80), RealServer(MARK, RIP, 0)))

    assert [each.vip for each in found] == [VIP, VIP]


def test_a_firewall_mark_masqueraded_has_no_vip() -> None:
    found = paths(profile(RealServer(MARK, RIP, 0, forwarding_method="masquerade")))

    assert [each.vip for each in found] == [None]


def test_a_firewall_mark_without_vips_has_a_path_of_which_no_vip_is_known() -> None:
    found = paths(profile(RealServer(MARK, RIP, 0), RealServer(MARK, SECOND, 0), vips=()))

    assert [(each.vip, each.rip, each.port) for each in found] == [
        (None, RIP, 0),
        (None, SECOND, 0),
    ]


def test_a_firewall_mark_is_asked_at_what_the_profile_says() -> None:
    target = ProbeTarget(MARK, OTHER, "tcp", 80)
    servers = RealServer(MARK, RIP, 0), RealServer(MARK, SECOND, 0, forwarding_method="masquerade")

    found = paths(replace(profile(*servers), probes=(target,)))

    assert [(each.vip, each.transport, each.port) for each in found] == [
        (OTHER, "tcp", 80),
        (None, "tcp", 80),
    ]


# How they are approached.


def inspected(wanted: DirectorProfile, *held: Address) -> Host:
    return host(*held).inspect(partial(route_questions.packets, wanted), table=True)


def proven(*held: Address) -> tuple[list[RealServerRoute], tuple[Proof, ...]]:
    routes: list[RealServerRoute] = []

    def probe(asked: Sequence[Path], ways: Sequence[RealServerRoute]) -> list[Proof]:
        routes.extend(ways)
        return [Proof(each, "served") for each in reversed(asked)]

    wanted = profile(RealServer(WEB, RIP, 80))
    return routes, director_probes.prove(wanted, inspected(wanted, *held), probe)


def test_a_probe_comes_from_the_directors_own_address() -> None:
    routes, proofs = proven(ON_ETH0)

    assert routes == [RealServerRoute(RIP, "eth0", RIP, ON_ETH0.ip.ip)]
    assert [proof.verdict for proof in proofs] == ["served"]


def test_a_vip_is_no_address_to_ask_from() -> None:
    _, proofs = proven(Address("eth0", ip_interface(f"{VIP}/24")))

    assert [(proof.verdict, proof.detail) for proof in proofs] == [(None, "no-source")]


def test_a_real_server_that_is_this_host_is_not_asked() -> None:
    _, proofs = proven(Address("eth0", ip_interface(f"{RIP}/24")))

    assert [(proof.verdict, proof.detail) for proof in proofs] == [(None, "local")]


def test_a_vip_of_the_other_family_is_asked_for_from_an_address_of_that_family() -> None:
    six = Service("tcp", ip_address("2001:db8::2"), 80, family="inet6")
    server = RealServer(six, RIP, 80, forwarding_method="tunnel")
    to_it = replace(profile(server), labelled_vips=())
    asked: list[RealServerRoute] = []

    def probe(paths: Sequence[Path], ways: Sequence[RealServerRoute]) -> list[Proof]:
        asked.extend(ways)
        return [Proof(each, "served") for each in paths]

    own = Address("eth0", ip_interface("2001:db8::10/64"))
    (alone,) = director_probes.prove(to_it, inspected(to_it, ON_ETH0), probe)
    (served,) = director_probes.prove(to_it, inspected(to_it, ON_ETH0, own), probe)

    assert (alone.verdict, alone.detail) == (None, "no-source")
    assert served.verdict == "served"
    assert [way.other_source for way in asked] == [own.ip.ip]


def test_a_real_server_without_a_route_is_down() -> None:
    wanted = profile(RealServer(WEB, FAR, 80))
    seen = inspected(wanted, ON_ETH0)
    without = replace(seen, routes=dict.fromkeys(seen.routes, RouteTo("unreachable")))

    proofs = director_probes.prove(wanted, without, lambda asked, ways: [])

    assert [(proof.verdict, proof.detail) for proof in proofs] == [("down", "no-route")]


@pytest.mark.parametrize(
    ("heard", "macs"),
    [
        ([(MACS[0], "own"), (MACS[0], "probe")], MACS[:1]),
        # A bond (balance-alb) gives nobody another one than us.
        ([(MACS[0], "own"), (MACS[1], "probe")], MACS[:1]),
        # Two hosts, or two links of one.
        ([(mac, form) for mac in MACS for form in ("own", "probe")], MACS),
        ([(MACS[0], "own"), (MACS[0], "probe"), (MACS[1], "probe")], MACS),
        # One that hides from an asker with an address.
        ([(MACS[1], "probe")], MACS[1:]),
        ([], ()),
    ],
)
def test_a_bond_is_one_next_hop_and_two_links_are_two(
    heard: list[tuple[str, AnswerForm]], macs: tuple[str, ...]
) -> None:
    assert macs_of(Answer(RIP, mac, form) for mac, form in heard) == set(macs)


# What is said of it.


def found(*proofs: Proof) -> list[Finding]:
    return list(rules.findings(proofs))


def test_every_verdict_but_served_has_a_finding_and_a_remedy() -> None:
    details: dict[str, PathDetail] = {"filtered": "held"}
    proofs = [Proof(path(), verdict, details.get(verdict, ""), macs=MACS) for verdict in VERDICTS]

    made = [found(proof) for proof in proofs]
    remedies = [(told.hint, told.look, told.on) for told in map(rules.hinted, proofs)]

    assert made[0] == [] and remedies[0] == ("", "", "")
    assert len({each[0].rule for each in made[1:]}) == len(VERDICTS) - 1
    assert [(each.hint, each.look, each.on) for (each,) in made[1:]] == remedies[1:]
    assert all(hint or look for hint, look, _ in remedies[1:])
    assert all(each[0].severity == ERROR and each[0].rip == RIP for each in made[1:])


@pytest.mark.parametrize("detail", unproven_paths.REASONS)
def test_what_cannot_be_proven_is_said_with_its_reason(detail: PathDetail) -> None:
    one = found(Proof(path(), None, detail, stranger=MACS[1]))

    # Whoever does not want the paths asked is not told so for each of them.
    told = [] if detail == "not-asked" else [("PATH-UNPROVEN", WARNING)]
    assert [(each.rule, each.severity) for each in one] == told
    one = one or [unproven_paths.unproven([Proof(path(), None, detail)])]
    assert unproven_paths.REASONS[detail].why.partition("{")[0] in one[0].message
    assert one[0].remedies


@pytest.mark.parametrize("detail", path_faults.FILTERED)
def test_each_way_to_be_filtered_is_told_apart(detail: PathDetail) -> None:
    one = found(Proof(path(), "filtered", detail))

    assert path_faults.FILTERED[detail][1] in one[0].message


def test_a_real_server_that_is_down_is_one_finding_however_many_its_services() -> None:
    proofs = [
        Proof(path(Service("tcp", VIP, port), rip=rip), "down")
        for port in range(1, 51)
        for rip in (RIP, SECOND)
    ]

    one, other = found(*proofs)

    assert (one.rip, other.rip) == (RIP, SECOND)
    assert "tcp 192.0.2.2:1, tcp 192.0.2.2:2, tcp 192.0.2.2:3, 47 more" in one.message


def test_what_is_drained_is_a_warning_but_a_loop_is_not() -> None:
    drained = replace(path(), weight=0)

    severities = {
        verdict: found(Proof(drained, verdict, macs=MACS))[0].severity
        for verdict in ("down", "port-closed", "vip-missing-and-forwards", "duplicate-rip")
    }

    assert severities == {
        "down": WARNING,
        "port-closed": WARNING,
        "vip-missing-and-forwards": ERROR,
        "duplicate-rip": ERROR,
    }


def test_a_real_server_that_is_down_is_an_error_where_one_service_counts_on_it() -> None:
    one = found(Proof(replace(path(), weight=0), "down"), Proof(path(DNS), "down"))

    assert [each.severity for each in one] == [ERROR]


@pytest.mark.parametrize(("other", "severity"), [("served", WARNING), ("vip-missing", ERROR)])
def test_a_vip_that_a_mark_may_not_stand_for_is_a_warning(
    other: PathVerdict, severity: str
) -> None:
    proofs = Proof(Path(MARK, VIP, RIP, 0), "vip-missing"), Proof(Path(MARK, OTHER, RIP, 0), other)

    assert found(*proofs)[0].severity == severity


def test_direct_routing_across_a_router_is_said_to_be_that() -> None:
    proof = Proof(path(rip=FAR), "vip-missing-and-forwards", gateway=ROUTER, macs=(MAC,))

    assert [each.rule for each in found(proof)] == ["PATH-ROUTED"]
    assert str(ROUTER) in found(proof)[0].message


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        (Proof(path(), "down"), "does not answer ARP"),
        (Proof(path(), "down", "no-route"), "no route"),
        (Proof(path(method="tunnel"), "down", gateway=ROUTER), f"router {ROUTER}"),
        (Proof(path(method="tunnel"), "down", gateway=ROUTER, macs=(MAC,)), "nothing comes back"),
        (Proof(path(), "port-closed", "rip-listens"), "bound to the RIP only"),
        (Proof(path(), "vip-missing", "unreachable"), "are told that it is unreachable"),
    ],
)
def test_a_finding_says_what_was_seen(proof: Proof, words: str) -> None:
    assert words in found(proof)[0].message


@pytest.mark.parametrize(
    ("tunnel", "segment", "fits"),
    [((0, 0, 0), 1460, 1440), ((2, 0, 0), 1460, 1436), ((1, 5555, 0), 1460, 1428)],
)
def test_segments_too_long_for_a_tunnel_are_a_warning_with_the_length_that_fits(
    tunnel: Tunnel, segment: int, fits: int
) -> None:
    there = replace(path(method="tunnel"), tunnel=tunnel)

    (one,) = found(
        Proof(there, "served", segment=segment, mtu=1500),
        Proof(replace(there, port=81), "served", segment=segment, mtu=1500),
    )

    assert (one.rule, one.severity, one.rip) == ("TUNNEL-MTU", WARNING, RIP)
    assert one.hint.endswith(f"--set-mss {fits}")
    assert found(Proof(there, "served", segment=fits, mtu=1500)) == []
    assert found(Proof(there, "served", segment=segment, mtu=9000)) == []
    assert found(Proof(path(), "served", segment=segment, mtu=1500)) == []


@pytest.mark.parametrize(
    ("tunnel", "rip", "words"),
    [
        ((0, 0, 0), RIP, "modprobe ipip; ip link set tunl0 up"),
        ((2, 0, 0), RIP, "modprobe ip_gre; ip link set gre0 up"),
        ((2, 0, 1), RIP, "type gre local RIP remote DIP icsum"),
        ((1, 5555, 0), RIP, "modprobe fou; ip fou add port 5555 gue; modprobe ipip"),
        ((0, 0, 0), RIP6, "type ip6tnl mode ipip6"),
        ((1, 5555, 0), RIP6, "modprobe fou6; ip fou add port 5555 gue -6"),
        ((2, 0, 0), RIP6, "modprobe ip6_gre; ip link set ip6gre0 up"),
    ],
)
def test_a_tunnel_that_is_closed_is_opened_by_its_own_commands(
    tunnel: Tunnel, rip: IPAddress, words: str
) -> None:
    (one,) = found(Proof(replace(path(method="tunnel", rip=rip), tunnel=tunnel), "no-tunnel"))

    assert words in (one.hint or one.look)
    assert bool(one.hint) is (
        "RIP" not in words and "ip6tnl mode" not in words and "fou6" not in words
    )
    assert one.on == str(rip)


@pytest.mark.parametrize(
    ("service", "method", "verdict", "hint"),
    [
        (WEB, "masquerade", "port-closed", "ipvsadm -d -t 192.0.2.2:80 -r 192.0.2.11:80"),
        (DNS, "dr", "down", "ipvsadm -d -u 192.0.2.2:53 -r 192.0.2.11:53"),
        (MARK, "dr", "vip-missing", "ipvsadm -d -f 7 -r 192.0.2.11"),
        # A firewall may let others in than us.
        (WEB, "dr", "filtered", ""),
        (WEB, "dr", "served", ""),
        (WEB, "dr", None, ""),
    ],
)
def test_a_real_server_of_others_goes_by_its_hint_only_where_it_serves_nobody(
    service: Service, method: str, verdict: PathVerdict | None, hint: str
) -> None:
    asked = replace(path(service, method), foreign=True)
    detail: PathDetail = {None: "no-answer", "filtered": "held"}.get(verdict, "")  # type: ignore[assignment]

    (one,) = found(Proof(asked, verdict, detail))

    assert (one.rule, one.hint, bool(one.look)) == ("TABLE-FOREIGN", hint, not hint)
    assert one.severity == (WARNING if verdict in ("served", None) else ERROR)


@pytest.mark.parametrize(("method", "rules"), [("dr", []), ("masquerade", ["TABLE-FOREIGN"])])
def test_of_a_port_that_differs_another_rule_tells(method: str, rules: list[str]) -> None:
    asked = replace(path(WEB, method), foreign=True, port=8080)

    assert [each.rule for each in found(Proof(asked, "port-closed"))] == rules


def test_people_read_a_line_for_each_service_and_who_does_not_serve() -> None:
    proofs = [
        Proof(path(), "served"),
        Proof(path(rip=SECOND), "down"),
        Proof(Path(MARK, VIP, RIP, 0), None, "local"),
    ]

    assert list(path_lines(proofs)) == [
        "tcp 192.0.2.2:80: 1 of 2 real servers serve",
        "  192.0.2.12: down",
        "fwmark 7, 192.0.2.2: 0 of 1 proven, 1 unproven",
        "  192.0.2.11: not proven",
    ]


def test_of_a_service_without_a_port_no_more_is_said_than_that_the_vip_is_held() -> None:
    proofs = [Proof(Path(MARK, VIP, rip, 0), "served", "vip-held") for rip in (RIP, SECOND)]

    (one,) = found(*proofs)

    assert list(path_lines(proofs)) == ["fwmark 7, 192.0.2.2: 2 of 2 real servers hold the VIP"]
    assert (one.rule, one.severity, one.subject) == ("PATH-UNPROVEN", WARNING, "fwmark 7")
    assert "2 real servers" in one.message and "probe_port" in one.look


@pytest.mark.parametrize("port", [53, 123])
def test_what_nobody_answered_is_not_verified(port: int) -> None:
    proof = Proof(path(Service("udp", VIP, port)), None, "no-answer")

    said = list(text.lines(Verified(found(proof), frozenset(), {}, (proof,))))

    assert said[0] == f"udp 192.0.2.2:{port}: 0 of 1 proven, 1 unproven"
    assert said[-1] == "no errors, but 1 of 1 paths unproven"
