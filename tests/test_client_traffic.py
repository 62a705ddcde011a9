"""What connections and first packets say of a real server, of a firewall; and what they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from lvsdr.model.client_connections import (
    ClientTally,
    ConnectionsSeen,
    Conversation,
    FirstPacket,
    Found,
    Way,
)
from lvsdr.model.counters import Counters
from lvsdr.model.finding import Finding
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import NOTHING, Objects, Sysctl, keyed
from lvsdr.model.path import Path, PathVerdict, Proof
from lvsdr.model.profile import DirectorProfile, LabelledVip
from lvsdr.model.route_lookup import Packet, RouteTo
from lvsdr.model.table_state import TableState
from lvsdr.rules.paths import director_firewall, unanswered_clients
from lvsdr.rules.paths.director_firewall import Circumstances, Lost, lost, ripe

VIP = ip_address("192.168.1.2")
ONE, TWO, THREE = (ip_address(f"192.168.1.1{number}") for number in (1, 2, 3))
WEB, DNS = Service("tcp", VIP, 80), Service("udp", VIP, 53)
SERVERS = tuple(RealServer(WEB, rip, 80) for rip in (ONE, TWO, THREE))
NAMES = RealServer(DNS, ONE, 53)
A, B = ip_address("10.10.10.10"), ip_address("203.0.113.9")
BOTH = frozenset({A, B})
PROFILE = DirectorProfile(
    "web",
    "eth0",
    (LabelledVip(VIP, "eth0:0"),),
    (VirtualServer(WEB), VirtualServer(DNS)),
    (*SERVERS, NAMES),
)
HOST = Host(
    {"eth0": HostLink("eth0")},
    (HeldAddress("eth0", ip_interface("192.168.1.2/32")),),
    real_servers=(*SERVERS, NAMES),
)
NEAR = (ip_network("192.168.1.0/24"),)


SERVED = tuple(Proof(Path(WEB, VIP, rip, 80), "served") for rip in (ONE, TWO, THREE))


def way(rip: object = ONE, beyond: bool = True, port: int = 80) -> Way:
    return Way("tcp", VIP, port, ip_address(str(rip)), port, beyond)


def silent(number: int = 12, age: int = 10, **fields: object) -> ClientTally:
    return replace(ClientTally(number, unanswered={age: number}, askers=BOTH), **fields)  # type: ignore[arg-type]


def answering(number: int = 12, unanswered: int = 0, last: int = 0) -> ClientTally:
    return ClientTally(
        number + unanswered,
        number,
        number,
        last,
        {30: unanswered} if unanswered else {},
        BOTH if unanswered else frozenset(),
        BOTH,
    )


def found(
    tallies: Mapping[Way, ClientTally],
    *,
    host: Host = HOST,
    proofs: tuple[Proof, ...] = SERVED,
    again: tuple[Conversation, ...] = (),
    where: Mapping[Conversation, Found] | None = None,
) -> list[Finding]:
    seen = ConnectionsSeen(tallies, where or {}, looked_at=48)
    return list(unanswered_clients.findings(PROFILE, host, seen, proofs, again))


# --- PATH-CLIENTS-UNANSWERED ---------------------------------------------------------------------


def test_a_real_server_that_answers_nobody_beyond_is_named() -> None:
    (one,) = found({way(ONE): silent(), way(TWO): answering(), way(ONE, beyond=False): answering()})

    assert (one.rule, one.severity, one.rip, one.vip) == (
        *("PATH-CLIENTS-UNANSWERED", "error"),
        *(ONE, VIP),
    )
    assert one.message == (
        "real server 192.168.1.11: none of the last 12 connections of clients beyond the segment"
        " got further than the first packet, those of 192.168.1.12 do: its answers do not reach"
        " clients beyond the gateway: default route, firewall (tcp 192.168.1.2:80; 48 connections"
        " looked at)"
    )
    assert one.hint == ""
    assert one.look == "ip route get 10.10.10.10 from 192.168.1.2; nft list ruleset; iptables-save"
    assert one.on == "192.168.1.11"


def test_where_the_segment_is_not_answered_either_it_is_said_otherwise() -> None:
    (one,) = found(
        {
            way(ONE): silent(),
            way(ONE, beyond=False): silent(),
            way(TWO): answering(),
            way(TWO, beyond=False): answering(),
        }
    )

    assert "its answers reach no client" in one.message


def test_where_only_the_segment_asks_it_is_said_of_the_segment() -> None:
    (one,) = found({way(ONE, beyond=False): silent(), way(TWO, beyond=False): answering()})

    assert "do not reach clients of the segment: firewall" in one.message


def test_old_answers_do_not_hide_what_goes_wrong_since() -> None:
    before = silent(answered=100, recent=100, last_answer=15, served=BOTH)

    (one,) = found({way(ONE): before, way(TWO): answering(200)})

    assert one.severity == "error"


def test_old_silence_does_not_accuse_who_answers_again() -> None:
    after = silent(answered=1, recent=1, last_answer=4, served=BOTH)

    assert found({way(ONE): after, way(TWO): answering(200)}) == []


@pytest.mark.parametrize(
    "others",
    [
        {way(TWO): answering(3, unanswered=500, last=0)},
        {way(TWO): answering(40, unanswered=500, last=0)},
    ],
)
def test_under_a_flood_that_all_get_nobody_is_named(others: dict[Way, ClientTally]) -> None:
    assert found({way(ONE): silent(60), **others}) == []


def test_one_that_stands_out_of_a_flood_is_named() -> None:
    (one,) = found({way(ONE): silent(500), way(TWO): answering(400, unanswered=500)})

    assert one.rip == ONE


def test_who_answered_between_is_not_named_where_there_is_nobody_to_compare_with() -> None:
    mixed = silent(17, unanswered={5: 9, 40: 8}, answered=2, recent=2, last_answer=20, served=BOTH)

    assert found({way(ONE): mixed}) == []


def test_fewer_than_five_are_no_evidence() -> None:
    assert found({way(ONE): silent(4), way(TWO): answering()}) == []
    assert len(found({way(ONE): silent(5), way(TWO): answering()})) == 1


def test_with_nobody_to_compare_with_it_is_a_warning_that_says_so() -> None:
    (one,) = found({way(ONE): silent()})

    assert one.severity == "warning"
    assert "or these are no clients, only a flood" in one.message


def test_a_client_that_asks_again_is_a_real_one() -> None:
    asked = Conversation("tcp", A, 50000, VIP, 80)
    where = {asked: Found(ONE, "SYN_RECV", 1)}

    one, other = found({way(ONE): silent(), way(TWO): silent()}, again=(asked,), where=where)

    assert [(one.rip, one.severity), (other.rip, other.severity)] == [
        (ONE, "error"),
        (TWO, "warning"),
    ]


def test_one_client_whom_nobody_answers_may_be_to_blame() -> None:
    (one,) = found(
        {
            way(ONE): silent(askers=frozenset({A})),
            way(TWO): replace(answering(), served=frozenset({B})),
        }
    )

    assert one.severity == "warning"
    assert "or it is 10.10.10.10, the only client" in one.message


def test_one_client_whom_others_answer_is_not_to_blame() -> None:
    (one,) = found({way(ONE): silent(askers=frozenset({A})), way(TWO): answering()})

    assert one.severity == "error"


@pytest.mark.parametrize("verdict", ["port-closed", "vip-missing", "down", "filtered"])
def test_what_the_path_has_told_is_not_told_again(verdict: PathVerdict) -> None:
    path = Path(WEB, VIP, ONE, 80)

    assert found({way(ONE): silent(), way(TWO): answering()}, proofs=(Proof(path, verdict),)) == []
    served = (Proof(path, "served"),)
    assert len(found({way(ONE): silent(), way(TWO): answering()}, proofs=served)) == 1


@pytest.mark.parametrize(
    "server",
    [
        replace(SERVERS[0], weight=0),
        replace(SERVERS[0], forwarding_method="masquerade"),
        RealServer(Service("tcp", ip_address("192.168.1.3"), 80), ONE, 80),
    ],
)
def test_one_that_is_sent_nothing_this_way_is_not_named(server: RealServer) -> None:
    host = replace(HOST, real_servers=(server, *SERVERS[1:]))

    assert found({way(ONE): silent(), way(TWO): answering()}, host=host) == []


def test_what_no_probe_has_shown_may_be_amiss_too() -> None:
    (one,) = found({way(ONE): silent(), way(TWO): answering()}, proofs=())

    assert "it does not take in what it is sent, which no probe has shown, or its" in one.message


def test_services_of_one_real_server_are_one_finding() -> None:
    mark = Service("fwmark", fwmark=7)
    host = replace(HOST, real_servers=(*SERVERS, RealServer(mark, ONE, 0)))
    profile = replace(PROFILE, virtual_servers=(VirtualServer(WEB), VirtualServer(mark)))
    tallies = {way(ONE): silent(), way(ONE, port=443): silent(6), way(TWO): answering()}
    seen = ConnectionsSeen(tallies, looked_at=30)

    (one,) = unanswered_clients.findings(profile, host, seen, ())

    assert "none of the last 18 connections" in one.message
    assert "tcp 192.168.1.2:80, tcp 192.168.1.2:443" in one.message


# --- DIRECTOR-FIREWALL ---------------------------------------------------------------------------

NOW = 1000.0


def packet(
    client: object = A, port: int = 50000, service: Service = WEB, age: float = 2.0, times: int = 1
) -> FirstPacket:
    asked = Conversation(service.protocol, ip_address(str(client)), port, VIP, service.port)
    return FirstPacket(asked, "eth0", NOW - age, NOW - age, times)


def unseen(
    *packets: FirstPacket,
    host: Host = HOST,
    seen: ConnectionsSeen | None = None,
    profile: DirectorProfile = PROFILE,
) -> tuple[Lost, ...]:
    return lost(profile, host, packets, seen or ConnectionsSeen(), near=NEAR, now=NOW)


def firewall(  # noqa: PLR0913 - each is a fact of its own
    *packets: FirstPacket,
    host: Host = HOST,
    seen: ConnectionsSeen | None = None,
    kind: str = "local",
    settings: Objects = NOTHING,
    table: TableState | None = None,
    counted: Counters | None = None,
) -> list[Finding]:
    looked = seen or ConnectionsSeen()
    groups = unseen(*packets, host=host, seen=looked)
    routes: dict[Packet, RouteTo] = {
        route: RouteTo(kind) for group in groups for route in group.routes
    }
    server = VirtualServer(WEB).key
    keys = [server, *(each.key for each in SERVERS)]
    counts = {} if counted is None else dict.fromkeys(keys, counted)
    around = Circumstances(routes, counts, settings, table or TableState())
    return list(director_firewall.findings(groups, host, looked, around))


def test_first_packets_that_no_connection_comes_of_are_the_firewalls() -> None:
    (one,) = firewall(packet(), packet(B, 50001))

    assert (one.rule, one.severity, one.vip, one.subject) == (
        *("DIRECTOR-FIREWALL", "error"),
        *(VIP, "eth0"),
    )
    assert "none of 2 connections that clients (10.10.10.10, 203.0.113.9)" in one.message
    assert (one.hint, one.on) == ("", "")
    assert one.look.startswith("nft list ruleset; iptables-save;")


def test_what_is_in_the_table_is_none_of_the_firewalls() -> None:
    seen = ConnectionsSeen(found={packet().conversation: Found(ONE, "SYN_RECV", 2)})

    assert firewall(packet(), packet(B), seen=seen) == []


def test_clients_of_the_segment_may_be_let_in_alone() -> None:
    near = packet("192.168.1.20")
    seen = ConnectionsSeen(found={near.conversation: Found(ONE, "FIN_WAIT", 2)})

    (one,) = firewall(packet(), near, seen=seen)

    assert "(10.10.10.10)" in one.message


def test_who_is_banned_while_others_are_served_is_a_warning() -> None:
    others = ClientTally(5, 5, 5, 1, served=frozenset({B}))

    (one,) = firewall(packet(), seen=ConnectionsSeen({way(ONE): others}))

    assert one.severity == "warning"


@pytest.mark.parametrize(
    "host",
    [
        replace(HOST, addresses=()),
        replace(HOST, real_servers=()),
        replace(HOST, real_servers=tuple(replace(each, weight=0) for each in SERVERS)),
        replace(
            HOST,
            sysctls={"net/ipv4/vs/backup_only": "1"},
            sync_daemons=frozenset({"backup"}),
        ),
    ],
    ids=["standby", "no service", "no weight", "backup"],
)
def test_what_passes_ipvs_by_on_purpose_is_no_firewall(host: Host) -> None:
    assert firewall(packet(), host=host) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("net/ipv4/vs/drop_entry", "3", 0),
        ("net/ipv4/vs/drop_packet", "2", 0),
        ("net/ipv4/vs/drop_packet", "1", 1),
    ],
)
def test_what_ipvs_drops_is_no_firewall(path: str, value: str, said: int) -> None:
    assert len(firewall(packet(), settings=keyed([Sysctl(path, value)]))) == said


@pytest.mark.parametrize(
    ("there", "limit", "said"), [(0, 0, 0), (100, 100, 0), (10, 100, 1), (10, None, 1)]
)
def test_what_a_full_table_drops_is_no_firewall(there: int, limit: int | None, said: int) -> None:
    assert len(firewall(packet(), table=TableState(there, limit))) == said


def test_what_ipvs_refuses_for_there_are_too_many_is_no_firewall() -> None:
    full = replace(HOST, real_servers=tuple(replace(each, upper_threshold=5) for each in SERVERS))

    assert firewall(packet(), host=full, counted=Counters(active=2, inactive=3)) == []
    assert len(firewall(packet(), host=full, counted=Counters(active=2, inactive=2))) == 1


@pytest.mark.parametrize("kind", ["refused", "blackhole", "unicast", "unreachable"])
def test_what_the_routes_do_not_take_in_is_no_firewall(kind: str) -> None:
    assert firewall(packet(), kind=kind) == []


def test_a_service_without_weight_is_not_asked_about() -> None:
    drained = replace(HOST, real_servers=tuple(replace(each, weight=0) for each in SERVERS))

    assert unseen(packet(), host=drained) == ()


@pytest.mark.parametrize("whose", ["the profile's", "another's"])
def test_what_has_a_service_of_its_port_is_not_looked_for_in_that_of_all_ports(whose: str) -> None:
    every = Service("tcp", VIP, 0)
    served = (RealServer(every, ONE, 0), *(replace(each, weight=0) for each in SERVERS))
    ours = (VirtualServer(every), *([VirtualServer(WEB)] if whose == "the profile's" else []))
    host = replace(
        HOST, real_servers=served, virtual_servers=(VirtualServer(every), VirtualServer(WEB))
    )
    profile = replace(PROFILE, virtual_servers=ours)
    elsewhere = Service("tcp", VIP, 443)

    (one,) = unseen(packet(), packet(service=elsewhere), host=host, profile=profile)

    assert one.service == every
    assert [each.conversation.port for each in one.packets] == [443]


def test_of_a_part_of_the_table_it_takes_many_to_be_sure() -> None:
    part = ConnectionsSeen({way(ONE): ClientTally(100)}, looked_at=100, complete=False)
    there = Counters(active=1000)

    few = firewall(packet(), packet(B), seen=part, counted=there)
    many = firewall(*(packet(B, port) for port in range(70)), seen=part, counted=there)
    none = firewall(packet(), seen=part, counted=Counters())

    assert (len(few), len(many), len(none)) == (0, 1, 1)


def test_a_flow_of_datagrams_from_before_gets_nothing_any_more() -> None:
    query = packet(service=DNS, age=2.0)
    stale = ConnectionsSeen(found={query.conversation: Found(ONE, "UDP", 100)})
    fresh = ConnectionsSeen(found={query.conversation: Found(ONE, "UDP", 1)})

    assert len(unseen(query, seen=stale)) == 1
    assert unseen(query, seen=fresh) == ()


def test_a_service_of_one_packet_keeps_no_connections() -> None:
    single = replace(PROFILE, virtual_servers=(VirtualServer(DNS, one_packet=True),))

    assert unseen(packet(service=DNS), profile=single) == ()


@pytest.mark.parametrize(
    ("age", "times", "lasts", "judged"),
    [
        (0.1, 1, {}, False),
        (2.0, 1, {}, True),
        (9.0, 1, {}, False),
        (9.0, 2, {}, True),
        (2.0, 1, {"tcp_fin": 2}, False),
        (2.0, 1, {"tcp_fin": 120, "tcp": 900}, True),
    ],
)
def test_only_what_would_be_in_the_table_is_judged(
    age: float, times: int, lasts: dict[str, int], judged: bool
) -> None:
    one = packet(age=age, times=times)

    assert ripe([one], NOW, lasts) == ((one,) if judged else ())
