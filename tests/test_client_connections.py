"""Connections of IPVS, read from lines as the kernel writes them."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest

from lvsdr.kernel.views.ipvs_connections import connections
from lvsdr.model.client_connections import (
    ClientShares,
    ClientTally,
    ConnectionQuestion,
    ConnectionsSeen,
    Conversation,
    Found,
    Share,
    Way,
)
from lvsdr.model.ipvs import RealServer, Service

HEADER = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n"
VIP, VIP6 = ip_address("192.168.1.2"), ip_address("fd00::2")
RIP, RIP6 = ip_address("192.168.1.11"), ip_address("fd00::11")
CLIENT = "10.10.10.10"
SEGMENT = (ip_network("192.168.1.0/24"), ip_network("fd00::/64"))
QUESTION = ConnectionQuestion(SEGMENT, seconds=60)
BEYOND, NEAR = (Way("tcp", VIP, 80, RIP, 80, beyond) for beyond in (True, False))


def line(  # noqa: PLR0913, PLR0917 - each is a field
    client: str = CLIENT,
    state: str = "FIN_WAIT",
    left: int = 110,
    protocol: str = "TCP",
    port: int = 50000,
    vip: object = VIP,
    rip: object = RIP,
    service: int = 80,
    engine: str = "",
) -> str:
    """Return a line, written as ip_vs_conn_seq_show() does."""
    ends = f"{shown(client)} {port:04X} {shown(vip)} {service:04X} {shown(rip)} {service:04X}"
    return f"{protocol:<3} {ends} {state:<11} {left:7}{engine}\n"


def shown(address: object) -> str:
    parsed = ip_address(str(address))
    return parsed.exploded if isinstance(parsed, IPv6Address) else f"{int(parsed):08X}"


def read(
    folder: Path, *lines: str, question: ConnectionQuestion = QUESTION, **timeouts: int
) -> ConnectionsSeen:
    table = folder / "ip_vs_conn"
    table.write_text(HEADER + "".join(lines))
    return connections(question, timeouts, table)


def test_what_a_kernel_prints_is_read(tmp_path: Path) -> None:
    printed = (
        "UDP 0A0A0A0A AAD1 C0A80102 0035 C0A8010B 0035 UDP             299\n"
        "TCP 0A0A0A0B AAD2 C0A80102 0050 C0A8010B 0050 SYN_RECV         50\n"
    )

    seen = read(tmp_path, printed)

    assert seen.tallies == {
        Way("udp", VIP, 53, RIP, 53, True): ClientTally(all=1),
        BEYOND: ClientTally(
            all=1, unanswered={10: 1}, askers=frozenset({ip_address("10.10.10.11")})
        ),
    }
    assert (seen.looked_at, seen.complete) == (2, True)


@pytest.mark.parametrize(("timeouts", "age"), [({}, 50), ({"udp": 600}, 350)])
def test_the_age_of_a_flow_of_datagrams_is_what_is_gone_of_its_time(
    tmp_path: Path, timeouts: dict[str, int], age: int
) -> None:
    asked = Conversation("udp", ip_address(CLIENT), 50000, VIP, 53)
    question = ConnectionQuestion(SEGMENT, seconds=60, sought=frozenset({asked}))
    flow = line(state="UDP", left=250, protocol="UDP", service=53)

    seen = read(tmp_path, flow, question=question, **timeouts)

    assert seen.found == {asked: Found(RIP, "UDP", age)}


def test_the_segment_and_what_is_beyond_are_told_apart(tmp_path: Path) -> None:
    near = [line(f"192.168.1.{number}") for number in (20, 250)]

    seen = read(tmp_path, *near, line("192.168.2.20"), line("10.10.10.10", "ESTABLISHED", 899))

    assert {way: tally.answered for way, tally in seen.tallies.items()} == {BEYOND: 2, NEAR: 2}
    assert seen.tallies[BEYOND].last_answer == 1


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("10.10.8.0/22", "10.10.11.255", "10.10.12.0"),
        ("10.10.10.8/29", "10.10.10.15", "10.10.10.16"),
        ("10.10.10.10/32", "10.10.10.10", "10.10.10.11"),
        ("0.0.0.0/0", "203.0.113.1", "fd00:1::1"),
        ("fd00:0:0:2::/63", "fd00:0:0:3::1", "fd00:0:0:4::1"),
        ("fd00::a0/126", "fd00::a3", "fd00::a4"),
    ],
)
def test_a_network_ends_within_a_digit_too(
    tmp_path: Path, network: str, inside: str, outside: str
) -> None:
    lines = [
        line(client, **({"vip": VIP6, "rip": RIP6} if ":" in client else {}))  # type: ignore[arg-type]
        for client in (inside, outside)
    ]

    seen = read(tmp_path, *lines, question=ConnectionQuestion((ip_network(network),), seconds=60))

    found = {way.beyond: set(tally.served) for way, tally in seen.tallies.items()}
    assert found == {False: {ip_address(inside)}, True: {ip_address(outside)}}


def test_ipv6_tunnels_of_another_family_and_other_protocols_are_read(tmp_path: Path) -> None:
    client = "2001:db8::7"

    seen = read(
        tmp_path,
        line(client, vip=VIP6, rip=RIP6),
        line(client, vip=VIP6),
        line(rip=RIP6),
        line(protocol="SCTP"),
        line(engine=" sip 1234@host"),
    )

    assert seen.looked_at == 5
    assert {(way.protocol, way.vip, way.rip) for way in seen.tallies} == {
        ("tcp", VIP6, RIP6),
        ("tcp", VIP6, RIP),
        ("tcp", VIP, RIP6),
        ("sctp", VIP, RIP),
        ("tcp", VIP, RIP),
    }
    assert all(tally.served for tally in seen.tallies.values())


def test_templates_young_connections_and_what_was_reset_say_nothing(tmp_path: Path) -> None:
    seen = read(
        tmp_path,
        line(state="NONE", left=300, port=0),
        line(state="ASSURED", left=300, port=0, protocol="IP"),
        line(state="SYN_RECV", left=58),
        line(state="CLOSE", left=9),
    )

    assert seen.looked_at == 2
    assert seen.tallies == {BEYOND: ClientTally(all=2)}


def test_times_that_were_set_count(tmp_path: Path) -> None:
    seen = read(tmp_path, line(left=5), tcp_fin=20)

    assert seen.tallies[BEYOND].last_answer == 15


def test_clients_that_are_none_of_the_profile_do_not_count(tmp_path: Path) -> None:
    question = ConnectionQuestion(SEGMENT, (ip_network("10.0.0.0/8"),), seconds=60)

    seen = read(tmp_path, line(), line("203.0.113.9"), line("192.168.1.20"), question=question)

    assert {way: tally.all for way, tally in seen.tallies.items()} == {BEYOND: 1, NEAR: 1}
    assert seen.looked_at == 3


def test_a_conversation_that_is_sought_is_found(tmp_path: Path) -> None:
    sought = Conversation("tcp", ip_address(CLIENT), 50000, VIP, 80)
    other = sought._replace(client_port=50001)
    six = Conversation("tcp", ip_address("2001:db8::7"), 50000, VIP6, 80)
    question = ConnectionQuestion(SEGMENT, (), frozenset({sought, other, six}), 60)

    seen = read(
        tmp_path,
        line(state="SYN_RECV", left=57),
        line("2001:db8::7", vip=VIP6, rip=RIP6),
        question=question,
    )

    assert seen.found == {sought: Found(RIP, "SYN_RECV", 3), six: Found(RIP6, "FIN_WAIT", 10)}


def test_of_a_table_that_takes_too_long_a_part_is_read_and_said(tmp_path: Path) -> None:
    lines = [line(port=1024 + number) for number in range(5000)]

    seen = read(tmp_path, *lines, question=ConnectionQuestion(SEGMENT, seconds=0.0))

    assert 0 < seen.looked_at < 5000
    assert not seen.complete
    assert seen.extent == f"{seen.looked_at} connections looked at, a sample"


def test_a_kernel_without_ipvs_has_no_connections(tmp_path: Path) -> None:
    assert connections(QUESTION, {}, tmp_path / "missing") == ConnectionsSeen()


def test_what_had_no_answer_since_the_last_one_is_counted() -> None:
    tally = ClientTally(answered=1, last_answer=20, unanswered={5: 2, 19: 1, 20: 4, 40: 8})

    assert (tally.without_answer, tally.since_last_answer) == (15, 3)


def test_each_real_server_has_its_share() -> None:
    web, mark = Service("tcp", VIP, 80), Service("fwmark", fwmark=7)
    every = Service("tcp", VIP, 0)
    servers = [RealServer(service, RIP, service.port) for service in (web, mark)]
    all_ports = RealServer(every, RIP6, 0)
    tally = ClientTally(answered=2, unanswered={5: 3})
    seen = ConnectionsSeen(
        {
            BEYOND: tally,
            NEAR: ClientTally(answered=4),
            Way("tcp", VIP, 81, RIP, 81, True): tally,
            Way("tcp", VIP, 443, RIP6, 443, True): tally,
            Way("udp", VIP, 53, RIP, 53, True): ClientTally(all=9),
        }
    )

    shares = seen.shares([*servers, all_ports])

    assert shares == {
        servers[0].key: ClientShares(Share(3, 5), Share(0, 4)),
        servers[1].key: ClientShares(Share(3, 5)),
        all_ports.key: ClientShares(Share(3, 5)),
    }
