"""The status of a director: what is counted, what is foreign, and what is drained."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Collection
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from fake import FakeKernel, FakeSession, host
from lvsdr.model.address import host_interface
from lvsdr.model.client_connections import ClientTally, ConnectionsSeen, Way
from lvsdr.model.counters import Counters, Traffic, rated
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import Address, Key
from lvsdr.model.table_state import NO_LIMIT, TableState
from lvsdr.render.object_rows import Row
from lvsdr.render.page_width import broken, page_width
from lvsdr.render.status_verify_text import status_lines
from test_cli import DIP, DIRECTOR, Run, kernel_of

WEB = Service("tcp", ip_address("192.168.1.2"), 80)
SERVER = VirtualServer(WEB, persistence=300)
ELEVEN = RealServer(WEB, ip_address("192.168.1.11"), 80)
STRANGER = RealServer(WEB, ip_address("192.168.1.99"), 80, weight=3)
BUSY = Counters(3, 12, 1, Traffic(100, 900, 0, 90_000, 0), Traffic(2, 9, 0, 900, 0))


@pytest.fixture
def applied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> FakeSession:
    session = FakeSession(host(DIP), tmp_path)
    assert Run(capsys, session, "director", "apply", DIRECTOR).code == 0
    kernel_of(session).counted = {SERVER.key: BUSY, ELEVEN.key: BUSY}
    return session


def status(capsys: pytest.CaptureFixture[str], session: FakeSession, *more: str) -> Run:
    return Run(capsys, session, "director", "status", *more, DIRECTOR)


def test_a_table_has_what_is_counted(
    applied: FakeSession, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    shown = status(capsys, applied)

    assert shown.code == 0
    rows = [line.split() for line in shown.out.splitlines()]
    assert rows[0] == [
        *("active", "inactive", "persistent"),
        *("conn/s", "packets/s", "bytes/s", "state"),
    ]
    assert rows[2][-7:] == ["3", "12", "1", "2", "9", "900", "ok"]
    assert rows[3] == ["192.168.1.11:80", "(dr,", "weight", "1)", *rows[2][-7:]]
    assert rows[4][-7:] == ["0", "0", "0", "0", "0", "0", "ok"]
    assert rows[1][-1] == "ok"


def test_a_program_reads_the_same(applied: FakeSession, capsys: pytest.CaptureFixture[str]) -> None:
    document = status(capsys, applied, "--format", "json").document

    address, server, *_ = document["objects"]
    assert address["counters"] is None
    assert server["counters"]["active"] == 3
    assert server["counters"]["totals"]["bytes_in"] == 90_000
    assert server["counters"]["rates"]["connections"] == 2


def test_what_others_have_put_into_our_virtual_server_is_foreign_and_no_fault(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel_of(applied).objects[STRANGER.key] = STRANGER

    shown = status(capsys, applied)
    document = status(capsys, applied, "--format", "json").document
    commands = status(capsys, applied, "--format", "commands")

    assert shown.code == 0
    assert shown.out.splitlines()[-1].split()[0] == "192.168.1.99:80"
    assert shown.out.splitlines()[-1].endswith("foreign")
    assert document["ok"] is True
    (foreign,) = [each for each in document["objects"] if each["state"] == "foreign"]
    assert foreign["desired"] is None
    assert foreign["observed"]["weight"] == 3
    assert "192.168.1.99" not in commands.out


def test_what_the_profile_wants_no_longer_is_unwanted(
    applied: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    document = json.loads(Path(DIRECTOR).read_text())
    del document["virtual_servers"][0]["real_servers"][0]
    profile = tmp_path / "web.json"
    profile.write_text(json.dumps(document))

    shown = Run(capsys, applied, "director", "status", "--format", "json", str(profile))

    assert shown.code == 1
    assert shown.document["ok"] is False
    (unwanted,) = [each for each in shown.document["objects"] if each["state"] == "unwanted"]
    assert unwanted["observed"]["rip"] == "192.168.1.11"


def test_what_is_drained_is_said_and_is_no_fault(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(capsys, applied, "director", "drain", "--timeout", "0", "--rip", "192.168.1.11", DIRECTOR)

    shown = status(capsys, applied)
    document = status(capsys, applied, "--format", "json").document

    assert shown.code == 0
    assert shown.out.splitlines()[3].endswith("drained")
    assert "is drained: weight 0 until" in shown.err
    assert document["ok"] is True


def test_rates_are_measured_over_the_interval() -> None:
    later = replace(BUSY, totals=Traffic(110, 900, 5, 95_000, 0))

    measured = rated({ELEVEN.key: later, SERVER.key: BUSY}, {ELEVEN.key: BUSY}, 2.0)

    assert measured[ELEVEN.key].rates == Traffic(5, 0, 2.5, 2500, 0)
    assert measured[SERVER.key].rates == Traffic()


def test_counters_that_were_set_to_zero_give_no_negative_rate() -> None:
    assert Traffic(1).since(Traffic(100), 1.0) == Traffic()


class Growing(FakeKernel):
    """A kernel through which something passes each time that one looks; the third is cut off."""

    looks = 0

    def counters(
        self, services: Collection[Key], rips: Collection[str] = ()
    ) -> dict[Key, Counters]:
        self.looks += 1
        if self.looks > 3:
            os.kill(os.getpid(), signal.SIGINT)
        self.counted[ELEVEN.key] = Counters(totals=Traffic(connections=1000 * self.looks))
        return super().counters(services, rips)


def test_an_interval_is_measured_between_two_looks(
    applied: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kernel = Growing(host().bare, kernel_of(applied).objects)
    session = FakeSession(kernel, tmp_path)

    document = status(capsys, session, "--interval", "0.1", "--format", "json").document

    rate = document["objects"][2]["counters"]["rates"]["connections"]
    assert kernel.looks == 2
    assert 1000 < rate <= 10_000


@pytest.mark.parametrize("drift", [False, True])
def test_watching_ends_with_the_exit_code_of_the_last_look(
    applied: FakeSession, capsys: pytest.CaptureFixture[str], tmp_path: Path, drift: bool
) -> None:
    kernel = Growing(host().bare, kernel_of(applied).objects)
    if drift:
        del kernel.objects[ELEVEN.key]

    watched = status(
        capsys, FakeSession(kernel, tmp_path), "--watch", "--interval", "0.05", "--format", "json"
    )

    documents = watched.out.replace("}\n{", "}\0{").split("\0")
    assert watched.code == int(drift)
    assert watched.err == ""
    assert [json.loads(each)["ok"] for each in documents] == [not drift, not drift]


# --- how wide ------------------------------------------------------------------------------------

FULL = Counters(12345, 54321, 99999, rates=Traffic(12345, 23456, 0, 34567, 0))
LONG6 = ip_address("2001:db8:1234:5678:9abc:def0:1234:5678")
LONG = Service("tcp", LONG6, 65535, family="inet6")


def rows_of(service: Service, rip: str, counters: Counters | None = FULL) -> list[Row]:
    server, real = VirtualServer(service, persistence=300), RealServer(service, ip_address(rip), 80)
    changed = replace(real, weight=2147483647, upper_threshold=100000, lower_threshold=80000)
    return [
        Row(Address("eth0", host_interface(service.vip or LONG6)), None),
        Row(server, server, counters=counters),
        Row(real, real, counters=counters),
        Row(real, changed, counters=counters),
        Row(None, changed, "foreign", counters),
    ]


@pytest.mark.parametrize("width", [80, 100, 132])
@pytest.mark.parametrize("counters", [FULL, BUSY, replace(FULL, persistent=0), None])
@pytest.mark.parametrize(("service", "rip"), [(WEB, "192.168.1.11"), (LONG, str(LONG6 + 1))])
def test_no_line_is_wider_than_the_page(
    service: Service, rip: str, counters: Counters | None, width: int
) -> None:
    shown = list(status_lines(rows_of(service, rip, counters), width))

    assert max(map(len, shown)) <= width
    assert sum(rip in line for line in shown) == 3
    assert " ".join(shown).count("ok") == 2
    assert counters is None or sum("12345" in line for line in shown) in {0, 4}


@pytest.mark.parametrize(
    ("width", "persistent", "names"),
    [
        (120, 1, "active inactive persistent conn/s packets/s bytes/s state"),
        (88, 0, "active inactive conn/s packets/s bytes/s state"),
        (88, 1, "active inactive persistent conn/s packets/s state"),
        (80, 0, "active inactive conn/s packets/s state"),
        (80, 1, "active inactive persistent conn/s state"),
        (60, 1, "active inactive state"),
    ],
)
def test_of_the_columns_those_go_that_say_least(width: int, persistent: int, names: str) -> None:
    real = RealServer(WEB, ip_address("192.168.1.11"), 80)
    row = Row(real, real, counters=replace(BUSY, persistent=persistent))

    header, line = status_lines([row], width)

    assert header.split() == names.split()
    assert line.split()[4:6] == ["3", "12"]


def test_a_terminal_has_words_broken_at_spaces_but_for_what_is_typed() -> None:
    words = "error: DRIFT: " + "of many words " * 10
    command = "  hint: " + "ip address del " * 10

    lines = broken(words, 80).splitlines()

    assert max(map(len, lines)) <= 80
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")
    assert [broken(command, 80), broken(words, None)] == [command, words]
    assert broken("x" * 100, 80) == "x" * 100


def test_the_page_is_as_wide_as_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    piped = page_width()
    monkeypatch.setenv("COLUMNS", "100")

    assert (piped, page_width()) == (None, 100)


def test_clients_without_an_answer_stand_under_the_table(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    way = Way("tcp", WEB.vip or ELEVEN.rip, 80, ELEVEN.rip, 80, beyond=True)
    tally = ClientTally(8, answered=2, unanswered={7: 6})
    kernel_of(applied).connected = ConnectionsSeen({way: tally}, looked_at=9, complete=False)

    shown = status(capsys, applied)
    document = status(capsys, applied, "--format", "json").document

    assert shown.out.splitlines()[-2:] == [
        "unanswered beyond the segment (9 connections looked at, a sample):",
        "  192.168.1.11:80 of tcp 192.168.1.2:80: 6 of 8",
    ]
    assert [each["clients"] for each in document["objects"] if each["clients"]] == [
        {
            "beyond": {"unanswered": 6, "connections": 8},
            "segment": {"unanswered": 0, "connections": 0},
        }
    ]
    assert document["connections"] == {"looked_at": 9, "complete": False}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TableState(), []),
        (TableState(3, NO_LIMIT), []),
        (TableState(3, 500), ["3 connections of at most 500: net/ipv4/vs/conn_max"]),
        (TableState(None, 500), ["connections of at most 500: net/ipv4/vs/conn_max"]),
        (
            TableState(stopped="net/ipv4/vs/run_estimation is 0"),
            ["the counters stand still: net/ipv4/vs/run_estimation is 0"],
        ),
    ],
)
def test_a_status_says_how_much_room_the_table_has_and_that_it_does_not_count(
    applied: FakeSession, capsys: pytest.CaptureFixture[str], table: TableState, said: list[str]
) -> None:
    kernel_of(applied).table = table

    shown = status(capsys, applied)
    document = status(capsys, applied, "--format", "json").document

    assert (shown.code, shown.out.splitlines()[5:]) == (0, said)
    assert document["table"] == {
        "connections": table.connections,
        "limit": table.limit,
        "stopped": table.stopped,
    }
