"""What becomes of a client's requests: what is sent, what the replies mean, and how it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from fake import FakeKernel
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import Finding
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.neighbour_claim import Answer
from lvsdr.model.profile import DirectorProfile, LabelledVip
from lvsdr.model.route_lookup import UnicastRoute
from lvsdr.model.service_proof import SILENCE, UDP_PORTS, FirstPackets, ServiceProof, ServiceReply
from lvsdr.proof.client_place import beyond_gateway, is_client
from lvsdr.proof.segment_hosts import segment_of
from lvsdr.proof.service_requests import ask_from_beyond, ask_on_segment
from lvsdr.render import json_verify, text
from lvsdr.render.results import Verified
from lvsdr.rules.paths.service_findings import service_findings
from lvsdr.rules.segment.mac_owners import MacOwners
from lvsdr.wire.paths import udp_questions

VIP, OTHER = ip_address("192.168.1.2"), ip_address("192.168.1.3")
RIPS = tuple(map(ip_address, ("192.168.1.11", "192.168.1.12")))
DIRECTOR, RS1, RS2 = (f"02:00:00:00:00:{end}" for end in ("10", "11", "12"))
OWNERS = {RS1: (RIPS[0],), RS2: (RIPS[1],)}
WEB = Service("tcp", VIP, 80)
YES1, YES2 = ServiceReply("answered", RS1, seconds=0.001), ServiceReply("answered", RS2)
NO1 = ServiceReply("refused", RS1, "reset")
KEPT_BACK = ServiceReply("refused", DIRECTOR, "port")
ETH0 = HostLink("eth0", mac="02:00:00:00:02:50")


def proof(*replies: ServiceReply, service: Service = WEB, pinned: str = "") -> ServiceProof:
    return ServiceProof(service, replies, DIRECTOR, RIPS, OWNERS, pinned)


def found(*proofs: ServiceProof) -> list[Finding]:
    return list(service_findings(proofs, MacOwners()))


def told(*proofs: ServiceProof) -> list[tuple[str, str, str | None, IPAddress | None]]:
    return [(each.rule, each.severity, each.mac, each.rip) for each in found(*proofs)]


# --- what replies mean ---------------------------------------------------------------------------


def test_what_is_answered_is_no_finding() -> None:
    assert told(proof(YES1, YES2)) == []
    assert proof(YES1, YES2).verdict == "served"


def test_a_real_server_that_was_not_met_is_no_finding() -> None:
    seen = proof(YES2, YES2)

    assert told(seen) == []
    assert (seen.met, seen.not_met, seen.never_answered) == ((RIPS[1],), (RIPS[0],), ())


def test_a_real_server_from_which_nothing_comes_is_named_where_requests_are_lost() -> None:
    seen = proof(YES2, SILENCE)

    assert told(seen) == [("SERVICE-SILENT", "error", DIRECTOR, RIPS[0])]
    assert "1 of 2 first packets are not answered" in found(seen)[0].message


def test_of_more_real_servers_than_requests_were_lost_none_is_named() -> None:
    many = (*RIPS, ip_address("192.168.1.13"))
    seen = replace(proof(YES2, SILENCE), expected=many)

    assert seen.never_answered == ()
    assert told(seen) == [("SERVICE-SILENT", "error", DIRECTOR, None)]


def test_where_answers_come_from_strangers_only_none_is_named() -> None:
    stranger = ServiceReply("answered", "02:00:00:00:00:77")
    seen = proof(stranger, SILENCE, SILENCE)

    assert told(seen) == [("SERVICE-SILENT", "error", DIRECTOR, None)]


def test_two_real_servers_at_one_mac_are_met_together() -> None:
    seen = replace(proof(YES1), owners={RS1: RIPS})

    assert seen.met == RIPS


def test_silence_beside_an_icmp_error_is_one_that_was_kept_back() -> None:
    seen = proof(KEPT_BACK, KEPT_BACK, SILENCE)

    assert told(seen) == [("SERVICE-REFUSED", "error", DIRECTOR, None)]
    assert "the rest got no answer" in found(seen)[0].message


def test_a_reset_keeps_nothing_back() -> None:
    rules = [rule for rule, *_ in told(proof(NO1, SILENCE))]

    assert rules == ["SERVICE-SILENT", "SERVICE-REFUSED"]


def test_of_udp_silence_proves_nothing() -> None:
    names = Service("udp", VIP, 53)

    assert told(proof(YES2, SILENCE, service=names)) == [
        ("SERVICE-SILENT", "warning", DIRECTOR, RIPS[0])
    ]


def test_a_closed_port_of_udp_is_one_on_which_nobody_listens() -> None:
    refused = ServiceReply("refused", RS1, "port")
    (finding,) = found(proof(YES2, refused, service=Service("udp", VIP, 53)))

    assert "nobody listens there" in finding.message
    assert finding.look == "who listens: ss -lunp 'sport = :53'"


def test_many_services_of_a_vip_with_one_fault_are_one_finding() -> None:
    every = [proof(SILENCE, service=Service("tcp", VIP, port)) for port in range(1, 101)]

    (finding,) = found(*every)

    assert "97 more: 100 of 100 first packets" in finding.message


def test_only_where_nothing_could_be_asked_a_finding_says_so() -> None:
    mark = ServiceProof(Service("fwmark", fwmark=1), unasked="fwmark")
    nobody = ServiceProof(WEB, unasked="nobody")

    assert told(mark) == [("SERVICE-UNPROVEN", "warning", None, None)]
    assert told(mark, proof(YES1)) == []
    assert told(nobody) == [], "that nobody answers is told by another finding"


@pytest.mark.parametrize("reply", [SILENCE, NO1, KEPT_BACK])
def test_every_finding_says_where_to_look_and_on_which_host(reply: ServiceReply) -> None:
    (finding,) = found(proof(reply, reply))

    assert finding.look
    assert finding.on
    assert not finding.hint


# --- how it is said ------------------------------------------------------------------------------


def said(*proofs: ServiceProof, client: str = "segment") -> list[str]:
    shown = Verified((), frozenset(), {}, (), services=proofs, client=client)  # type: ignore[arg-type]
    return list(text.lines(shown))


def test_every_line_fits_80_columns() -> None:
    longest = ip_address("2001:db8:1234:5678:9abc:def0:1234:5678")
    wide = proof(*[YES1] * 64, service=Service("tcp", longest, 65535, family="inet6"))
    slow = [ServiceReply("answered", seconds=3.1)] * 5
    far = ServiceProof(WEB, (*slow, SILENCE, ServiceReply("refused", reason="refused")))
    every = (
        wide,
        proof(YES2, SILENCE, NO1),
        proof(YES2, pinned="persistence"),
        replace(wide, replies=(), unasked="no-source"),
    )

    shown = [*said(*every), *said(far, client="beyond")]

    assert max(map(len, shown)) <= 80
    assert "  median 3.1 s, slowest 3.1 s; 5 after a second or more" in shown
    assert "  refused: 1" in shown
    assert "  not answered: 1" in shown


def test_what_is_unproven_is_not_verified() -> None:
    mark = ServiceProof(Service("fwmark", fwmark=1), unasked="fwmark")

    assert said(proof(YES1, YES2), mark)[-1] == "no findings; 1 of 2 services unproven"
    assert said(proof(YES1, YES2))[-1] == "verified: no findings"


def test_of_many_real_servers_that_were_not_met_a_few_are_shown() -> None:
    many = tuple(ip_address("10.0.0.1") + number for number in range(1000))

    shown = said(replace(proof(YES1), expected=(RIPS[0], *many)))

    assert "  992 more: not met" in shown
    assert len(shown) < 15


def test_a_document_says_who_answered_how_often() -> None:
    document = json_verify.service(proof(YES1, YES1, NO1, SILENCE), {RS1: "real server"})

    assert document["verdict"] == "partly"
    assert document["answers"] == [
        {
            "mac": RS1,
            "host": "real server",
            "rips": [str(RIPS[0])],
            "answered": 2,
            "refused": 1,
        }
    ]
    assert document["never_answered"] == [str(RIPS[1])]


# --- what is sent --------------------------------------------------------------------------------


def profile(
    *servers: VirtualServer, weights: Sequence[int] = (1, 1), vips: Sequence[IPAddress] = (VIP,)
) -> DirectorProfile:
    chosen = servers or (VirtualServer(WEB),)
    real_servers = tuple(
        RealServer(server.service, rip, server.service.port, weight)
        for server in chosen
        for rip, weight in zip(RIPS, weights, strict=True)
    )
    labelled = tuple(LabelledVip(vip, None) for vip in vips)
    return DirectorProfile("web", "eth0", labelled, chosen, real_servers)


def third_host(*addresses: str, link: HostLink = ETH0) -> Host:
    return Host(
        {link.name: link}, tuple(HeldAddress(link.name, ip_interface(each)) for each in addresses)
    )


def sent(
    wanted: DirectorProfile, *heard: Answer, own: Sequence[str] = ("192.168.1.250/24",)
) -> list[FirstPackets]:
    """Return what is sent where the director and both real servers answer, and perhaps others."""
    asked: list[FirstPackets] = []

    def ask(_: str, packets: Sequence[FirstPackets]) -> list[list[ServiceReply]]:
        asked.extend(packets)
        return [[] for _ in packets]

    answers = {VIP: DIRECTOR, RIPS[0]: RS1, RIPS[1]: RS2}
    spoken = frozenset(
        (
            *heard,
            *(Answer(ip, mac, form) for ip, mac in answers.items() for form in ("own", "probe")),
        )
    )
    segment = segment_of(wanted, third_host(*own), None)
    ask_on_segment(wanted, segment, spoken, segment.mac_owners(spoken), ask)
    return asked


def test_first_packets_go_to_the_director_until_each_real_server_is_met() -> None:
    (packets,) = sent(profile())

    assert packets == FirstPackets(
        "tcp", ip_address("192.168.1.250"), VIP, 80, DIRECTOR, 4, 4, 16, frozenset({RS1, RS2})
    )


def test_a_real_server_of_weight_0_need_not_be_met() -> None:
    (packets,) = sent(profile(weights=(0, 1)))

    assert packets.macs == {RS2}


def test_a_light_real_server_is_waited_for_longer() -> None:
    (packets,) = sent(profile(weights=(1, 20)))

    assert packets.most == 42


@pytest.mark.parametrize(
    ("server", "pinned"),
    [
        (VirtualServer(WEB, "sh"), True),
        (VirtualServer(WEB, "sh", flags=0x10), False),
        (VirtualServer(WEB, "mh"), True),
        (VirtualServer(WEB, persistence=300), True),
        (VirtualServer(WEB, "wlc"), False),
    ],
)
def test_of_one_client_that_has_one_real_server_no_other_is_sought(
    server: VirtualServer, pinned: bool
) -> None:
    (packets,) = sent(profile(server))

    assert (packets.macs == frozenset()) is pinned


def test_each_director_is_asked_and_no_more_than_four() -> None:
    others = [f"02:00:00:00:07:{number:02x}" for number in range(40)]
    answers = [Answer(VIP, mac, form) for mac in others for form in ("own", "probe")]

    packets = sent(profile(), *answers)

    assert len(packets) == 4
    assert packets[0].mac == DIRECTOR


def test_of_thousands_of_services_each_is_asked_less() -> None:
    servers = [VirtualServer(Service("tcp", VIP, port)) for port in range(1, 4097)]

    packets = sent(profile(*servers))

    assert len(packets) == 4096
    assert sum(each.most for each in packets) <= 4096


def test_it_is_asked_from_the_subnet_of_the_real_servers() -> None:
    (packets,) = sent(profile(), own=("172.16.0.5/24", "192.168.1.250/24"))

    assert str(packets.source) == "192.168.1.250"


def test_what_can_be_asked_over_udp_is_what_there_is_a_question_for() -> None:
    assert {udp_questions.DNS, udp_questions.NTP} == UDP_PORTS


def test_from_beyond_few_connections_are_opened_to_many_services() -> None:
    servers = [VirtualServer(Service("tcp", VIP, port)) for port in range(1, 501)]
    asked: list[int] = []

    def connect(targets: Sequence[object], times: int) -> list[list[ServiceReply]]:
        asked.append(len(targets) * times)
        return [[] for _ in targets]

    ask_from_beyond(profile(*servers), 10, connect)

    assert asked == [2000]


# --- where this host stands ----------------------------------------------------------------------


class Routed(FakeKernel):
    """A kernel with one route to everywhere."""

    def __init__(self, bare: Host, gateway: str | None, link: str = "eth0") -> None:
        super().__init__(bare)
        self._way = None if gateway is None else ip_address(gateway), link

    def unicast_routes(self, destinations: object) -> dict[IPAddress, UnicastRoute]:
        gateway, link = self._way
        everywhere = ip_interface("0.0.0.0/0").network
        return {ip: UnicastRoute(everywhere, link, gateway) for ip in destinations}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("own", "gateway", "beyond"),
    [
        ("10.10.10.10/24", "10.10.10.1", True),
        ("192.168.1.250/24", "192.168.1.1", False),
        # Near the real servers, though the VIP is of another subnet.
        ("192.168.1.130/25", "192.168.1.129", True),
        ("10.10.10.10/24", None, False),
        (f"{VIP}/32", "10.10.10.1", False),
    ],
)
def test_a_host_is_beyond_that_sends_to_the_vip_by_a_gateway(
    own: str, gateway: str | None, beyond: bool
) -> None:
    host = third_host(own)

    assert beyond_gateway(profile(), host, Routed(host, gateway)) is beyond


def test_a_link_of_the_profile_that_has_no_address_is_on_the_segment() -> None:
    host = third_host()
    outside = HostLink("eth1", mac="02:00:00:00:09:09")
    host = replace(host, links={**host.links, "eth1": outside})

    assert not beyond_gateway(profile(), host, Routed(host, "10.0.0.1", "eth1"))


@pytest.mark.parametrize(
    ("own", "client"),
    [("192.168.1.250/24", True), (f"{VIP}/32", False), ("192.168.1.11/24", False)],
)
def test_a_director_and_a_real_server_are_no_clients(own: str, client: bool) -> None:
    assert is_client(profile(), "eth0", third_host(own)) is client
