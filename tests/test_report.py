"""The page of a report: what it shows, and that no name in it becomes markup."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from fake import FakeSession, host
from lvsdr.model.finding import Finding
from lvsdr.model.health import Down
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.neighbour_claim import Answer
from lvsdr.model.objects import keyed
from lvsdr.model.path import Path as Way
from lvsdr.model.path import PathVerdict, Proof
from lvsdr.render.object_rows import rows
from lvsdr.render.report.cluster_view import BAD, OK, OUT, UNKNOWN, cluster_view
from lvsdr.render.report.report_page import shown
from lvsdr.render.report.report_result import Report
from lvsdr.render.results import Status, Verified
from test_cli import DIP, DIRECTOR, REALSERVER, Run

VIP, OTHER = ip_address("192.168.1.2"), ip_address("192.168.1.3")
WEB, TLS = Service("tcp", VIP, 80), Service("tcp", OTHER, 443)
ELEVEN, TWELVE = (RealServer(WEB, ip_address(f"192.168.1.{at}"), 80) for at in (11, 12))
THIRTEEN = RealServer(TLS, ip_address("192.168.1.13"), 443)
SERVERS = (ELEVEN, TWELVE, THIRTEEN)
TABLE = keyed((VirtualServer(WEB), VirtualServer(TLS), *SERVERS))
DIRECTORS = "02:00:00:00:00:10"


def proof(server: RealServer, verdict: PathVerdict | None) -> Proof:
    return Proof(Way(server.service, server.service.vip, server.rip, server.port), verdict)


def report(*findings: Finding, **fields: Any) -> Report:
    answers = frozenset(Answer(vip, DIRECTORS, "own") for vip in (VIP, OTHER))
    proofs = [proof(ELEVEN, "served"), proof(TWELVE, "port-closed"), proof(THIRTEEN, None)]
    whole = Report(
        "web",
        "eth0",
        (VIP, OTHER),
        (WEB, TLS),
        SERVERS,
        (),
        (),
        ["director.json"],
        "lb1",
        "1.0",
        datetime(2026, 1, 1, tzinfo=UTC),
        Status(list(rows(TABLE, TABLE)), ()),
        Verified(findings, answers, {DIRECTORS: "this host"}, proofs),
    )
    return replace(whole, **fields)


def page(item: Report) -> str:
    return "\n".join(shown(item))


def test_each_path_is_as_its_probe_says() -> None:
    cells = cluster_view(report()).cells

    assert {rip: cell.state for (_, rip), cell in cells.items()} == {
        ELEVEN.rip: OK,
        TWELVE.rip: BAD,
        THIRTEEN.rip: UNKNOWN,
    }
    assert cells[WEB, TWELVE.rip].words == "port-closed"


def test_who_is_down_is_out_of_service_and_not_wrong() -> None:
    down = Down(1_700_000_000, "refuses the connection")
    status = Status(list(rows(TABLE, TABLE, down={TWELVE.key: down})), ())

    view = cluster_view(report(status=status))

    assert view.servers[TWELVE.rip] == (OUT, str(down))


def test_a_vip_is_wrong_for_its_own_faults_alone() -> None:
    path = Finding("PATH-PORT-CLOSED", "error", "x", "nobody listens", vip=VIP, rip=TWELVE.rip)
    loud = Finding("ARP-ANSWER", "error", "x", "another answers", vip=OTHER, rip=THIRTEEN.rip)

    view = cluster_view(report(path, loud))

    assert view.vips[VIP].state == OK
    assert view.vips[OTHER].state == BAD
    assert view.servers[THIRTEEN.rip] == (BAD, "ARP-ANSWER: another answers")


def test_a_vip_that_nobody_answers_for_is_wrong_and_unknown_where_nobody_asked() -> None:
    asked = report()
    assert asked.verified is not None
    silent = replace(asked, verified=replace(asked.verified, answers=frozenset()))

    assert cluster_view(silent).vips[VIP] == (BAD, "nobody answers for it")
    assert cluster_view(report(verified=None, status=None)).vips[VIP].state == UNKNOWN


def test_nothing_of_a_name_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\"'&\x1b[31m\u202e"
    finding = Finding(evil, "error", evil, evil, vip=VIP, look=evil)
    down = {ELEVEN.key: Down(1, evil, evil)}
    item = report(
        finding,
        name=evil,
        interface=evil,
        hostname=evil,
        files=[evil],
        notes=[evil],
        status=Status(list(rows(TABLE, TABLE, down=down)), ()),
        history=[{"time": evil, "event": evil, "message": evil}],
    )

    text, picture = page(item), page(replace(item, picture=True))

    assert "<script" not in text + picture
    assert not set(text + picture) & {"\x1b", "\u202e"}
    assert fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    assert text.count("<h1>") == 1


def test_a_page_asks_nothing_of_the_network() -> None:
    text = page(report())

    assert not re.search(r"\b(src|href)=|@import|url\((?!#)", text)
    # A name of a vocabulary, which nobody fetches.
    assert set(re.findall(r"https?://[^\"]+", text)) == {"http://www.w3.org/2000/svg"}


def test_a_service_whose_real_servers_have_no_column_says_what_it_gets() -> None:
    """Else its row is empty, as if it got nothing, or all were well."""
    first = [RealServer(WEB, ip_address(f"10.0.0.{at}"), 80) for at in range(1, 100)]
    then = [RealServer(TLS, ip_address(f"10.0.1.{at}"), 443) for at in range(1, 5)]
    verdicts: list[PathVerdict | None] = ["served", "served", "port-closed", None]
    paths = [
        *(proof(each, "served") for each in first),
        *map(proof, then, verdicts),
    ]
    verified = Verified([], frozenset(), {}, paths)

    text = page(report(real_servers=(*first, *then), verified=verified, status=None))

    assert "serves: 2, does not serve: 1, not proven: 1" in text
    # Those that have columns say it by their squares.
    assert "serves: 99" not in text


def test_a_cluster_of_any_size_is_drawn_within_bounds() -> None:
    every = [
        RealServer(Service("tcp", VIP, port), ip_address(f"10.0.{at // 200}.{at % 200 + 1}"), port)
        for port in range(1, 601)
        for at in range(port % 120)
    ]
    services = list(dict.fromkeys(each.service for each in every))

    text = page(report(real_servers=every, services=services, verified=None, status=None))

    drawn = Counter(re.findall(r'class="(box|chip)', text))
    assert drawn["box"] < 110
    assert drawn["chip"] < 400 * 44 + 10
    assert "Not drawn:" in text


@pytest.mark.parametrize("start", ["10.0.0.", "2001:db8:1234:5678:9abc:def0:5678:1"])
def test_addresses_above_the_squares_cover_nothing_and_end_on_the_page(start: str) -> None:
    every = [RealServer(WEB, ip_address(f"{start}{at}"), 80) for at in range(100, 160)]

    text = page(report(real_servers=every, services=[WEB], verified=None, status=None))

    slant = r'<text class="small" x="(\d+)" y="(\d+)" transform="rotate[^>]*>([^<]+)<'
    legend = max(int(y) for y in re.findall(r'y="(\d+)"[^>]*>not proven</text>', text))
    labels = re.findall(slant, text)
    assert len(labels) > 30
    for x, y, address in labels:
        # A character of 12 pixels' height is at most 6.7 wide; 60 degrees: 0.87 up, 0.5 aside.
        assert int(y) - len(address) * 6.7 * 0.87 > legend
        assert int(x) + len(address) * 6.7 * 0.5 < 1160
    # And in a box the end of an address is seen, by which it differs from the next.
    assert text.count(f"{every[7].rip}"[-9:]) >= 2


def test_a_report_is_of_one_director(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(host(DIP), tmp_path)

    none = Run(capsys, session, "report", REALSERVER)
    two = Run(capsys, session, "report", DIRECTOR, DIRECTOR, REALSERVER)

    assert (none.code, two.code) == (2, 0)
    assert "none of them is a director's profile" in none.err


def test_a_report_of_a_director_has_its_table_and_what_verify_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = FakeSession(host(DIP), tmp_path)
    assert Run(capsys, session, "director", "apply", DIRECTOR).code == 0
    history = tmp_path / "keep.json"
    told = {"format": "lvsdr/keep/1", "time": "t", "event": "DOWN", "message": "is down"}
    history.write_text(f"{json.dumps(told)}\nno JSON\n[]\n", encoding="utf-8")

    run = Run(capsys, session, "report", DIRECTOR, "--history", str(history), "--format", "json")
    verify = Run(capsys, session, "director", "verify", DIRECTOR, "--format", "json")
    status = Run(capsys, session, "director", "status", DIRECTOR, "--format", "json")

    said = json.loads(run.out)
    assert run.code == 0
    assert said["verify"] == json.loads(verify.out)
    assert said["status"]["objects"] == json.loads(status.out)["objects"]
    assert said["history"] == [told]


def test_without_the_wire_a_report_shows_the_profile_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "page.html"

    run = Run(
        capsys,
        FakeSession(host(DIP), tmp_path),
        *("report", DIRECTOR, "--no-wire", "--out", str(file)),
    )

    assert (run.code, run.out, run.err) == (0, "", "")
    text = file.read_text(encoding="utf-8")
    assert "not verified" in text
    assert "192.168.1.2" in text


def test_a_page_that_cannot_be_written_is_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(
        capsys,
        FakeSession(host(DIP), tmp_path),
        *("report", DIRECTOR, "--no-wire", "--out", str(tmp_path / "no" / "page.html")),
    )

    assert run.code == 6
    assert "cannot write" in run.err
