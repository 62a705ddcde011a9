"""What a monitoring system is told, and what it makes of it: metrics, alerts, plugin output."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fake import FakeSession, host
from lvsdr.cli.figures_of_host import silent_vips
from lvsdr.cli.metrics_server import Scraped
from lvsdr.cli.servers_apart import ServersApart, servers_apart
from lvsdr.core.out_of_service import OutOfService
from lvsdr.model.client_connections import ClientShares, Share
from lvsdr.model.finding import Finding
from lvsdr.model.folded_servers import PartlyRead
from lvsdr.model.health import Down
from lvsdr.model.host_figures import (
    MOST_APART,
    Differing,
    HostFigures,
    ProfileFigures,
    ProofFigures,
)
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.last_apply import LastApply
from lvsdr.model.metric import Gauge, Sample
from lvsdr.model.neighbour_claim import Answer
from lvsdr.model.objects import Key
from lvsdr.model.path import Path as Way
from lvsdr.model.path import Proof
from lvsdr.model.profile import DirectorProfile
from lvsdr.model.table_state import TableState
from lvsdr.profile.reader import read
from lvsdr.proof.verification import Verdict
from lvsdr.render import nagios_output
from lvsdr.render.gauges_of_host import gauges
from lvsdr.render.metric_labels import service_labels
from lvsdr.render.prometheus_text import exposition
from lvsdr.render.results import Measured, Verified
from test_cli import DIP, DIRECTOR, Run

ROOT = Path(__file__).parent.parent
MONITORING = ROOT / "packaging" / "monitoring"
VIP, RIP = ip_address("192.168.1.2"), ip_address("192.168.1.11")
WEB = Service("tcp", VIP, 80)
ELEVEN, TWELVE = RealServer(WEB, RIP, 80), RealServer(WEB, ip_address("192.168.1.12"), 80)
PROOF = ProofFigures(
    1000.0,
    [Finding("ARP-ANSWER", "error", "eth0", "another answers", vip=VIP)],
    frozenset({Answer(VIP, "02:00:00:00:00:11", "own")}),
    {"02:00:00:00:00:11": "rs1"},
    [Proof(Way(WEB, VIP, RIP, 80), "served")],
    {VIP: 900.0},
)
WHOLE = ProfileFigures(
    "director",
    "web",
    "/etc/lvsdr/director.json",
    applied=500,
    last_apply=LastApply(550, 3, "refused"),
    differing={Differing("address", "missing"): 1},
    drift={"address": 1},
    vips={VIP: False},
    counts={WEB: 2},
    servers=(ELEVEN, TWELVE),
    checked=frozenset({ELEVEN.key, TWELVE.key}),
    down={ELEVEN.key: Down(400, "it refuses")},
    clients={TWELVE.key: ClientShares(Share(2, 10), Share())},
    proof=PROOF,
)
HOST = HostFigures("1.0", (WHOLE,), 600.0, TableState(7, 100, ""))


def names() -> set[str]:
    return {each.name for each in gauges(HOST)}


def text(figures: HostFigures) -> str:
    return "\n".join(exposition(Measured(tuple(gauges(figures))))) + "\n"


def value(figures: HostFigures, name: str, **labels: str) -> list[float]:
    """Return the values of a gauge that have these labels, as the official parser reads them."""
    families = [it for it in text_string_to_metric_families(text(figures)) if it.name == name]
    samples = [sample for family in families for sample in family.samples]
    return [each.value for each in samples if labels.items() <= each.labels.items()]


def test_every_gauge_has_its_sample_where_there_is_something_to_tell() -> None:
    said = {family.name for family in text_string_to_metric_families(text(HOST))}

    assert said == names()


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("lvsdr_profile_in_sync", {"role": "director", "profile": "web"}, [0]),
        ("lvsdr_differing_objects", {"object": "address", "difference": "missing"}, [1]),
        ("lvsdr_differing_objects", {"object": "real_server", "difference": "missing"}, [0]),
        ("lvsdr_real_servers", {"local_address": "192.168.1.2", "state": "down"}, [1]),
        ("lvsdr_real_servers", {"local_address": "192.168.1.2", "state": "in_service"}, [1]),
        ("lvsdr_real_server_up", {"remote_address": "192.168.1.11", "proto": "TCP"}, [0]),
        ("lvsdr_real_server_up", {"remote_address": "192.168.1.12", "local_port": "80"}, [1]),
        ("lvsdr_real_server_down_since_timestamp_seconds", {"reason": "it refuses"}, [400]),
        ("lvsdr_client_connections_unanswered", {"clients": "beyond"}, [2]),
        ("lvsdr_vip_answered_by", {"mac": "02:00:00:00:00:11", "host": "rs1"}, [1]),
        ("lvsdr_silence_proven_timestamp_seconds", {"local_address": "192.168.1.2"}, [900]),
        ("lvsdr_path_serves", {"remote_address": "192.168.1.11", "verdict": "served"}, [1]),
        ("lvsdr_verify_faults", {"severity": "warning"}, [0]),
        ("lvsdr_table_connections_limit", {}, [100]),
        ("lvsdr_last_apply_timestamp_seconds", {"profile": "web"}, [550]),
        ("lvsdr_last_apply_exit_code", {"profile": "web"}, [3]),
        ("lvsdr_profile_applied_timestamp_seconds", {"profile": "web"}, [500]),
    ],
)
def test_a_gauge_says(name: str, labels: dict[str, str], expected: list[float]) -> None:
    assert value(HOST, name, **labels) == expected


def test_of_an_unreadable_profile_nothing_else_is_told() -> None:
    broken = ProfileFigures("director", "web", "d.json", unreadable="d.json: no such file")

    said = text(replace(HOST, profiles=(broken,), table=None, record_written=None))

    assert 'lvsdr_profile_readable{role="director",profile="web",file="d.json"} 0' in said
    assert 'lvsdr_profile_in_sync{role="director",profile="web"} 0' in said
    assert "lvsdr_differing_objects" not in said


def test_a_label_cannot_forge_a_line() -> None:
    forged = 'a"} 1\nlvsdr_vip_held{x="\\\x1b[2J'
    gauge = Gauge("lvsdr_x", "x.", (Sample({"name": forged}, 1),))

    said = list(exposition(Measured((gauge,))))

    (family,) = text_string_to_metric_families("\n".join(said) + "\n")
    assert len(said) == 3
    assert [sample.name for sample in family.samples] == ["lvsdr_x"]
    assert "\x1b" not in said[2]


def test_a_firewall_mark_of_two_families_is_two_services() -> None:
    four, six = (Service("fwmark", fwmark=7, family=family) for family in ("inet", "inet6"))

    assert service_labels(four) != service_labels(six)
    assert service_labels(four)["local_mark"] == "00000007"


def test_no_two_samples_of_a_gauge_have_the_same_labels() -> None:
    for gauge in gauges(HOST):
        labels = [tuple(sorted(each.labels.items())) for each in gauge.samples]
        assert len(set(labels)) == len(labels), gauge.name


# --- what is made of them -------------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted(MONITORING.iterdir()), ids=lambda path: path.name)
def test_alerts_and_dashboard_ask_for_what_there_is(file: Path) -> None:
    asked = set(re.findall(r"\blvsdr_\w+", file.read_text(encoding="utf-8")))

    assert asked
    assert asked <= names()


def test_each_alert_has_a_test() -> None:
    alert = re.compile(r"alert(?:name)?: (\w+)")
    rules = alert.findall((MONITORING / "lvsdr-alerts.yml").read_text(encoding="utf-8"))
    tests = ROOT / "tests" / "monitoring" / "lvsdr-alerts-test.yml"

    assert sorted(rules) == sorted(alert.findall(tests.read_text(encoding="utf-8")))


def test_the_man_page_has_every_gauge_and_no_other() -> None:
    page = (ROOT / "man" / "lvsdr.8").read_text(encoding="utf-8")

    assert set(re.findall(r"^\.It Cm (lvsdr_\w+)$", page, re.MULTILINE)) == names()


# --- how many series there are --------------------------------------------------------------------

ILL = OutOfService(down={ELEVEN.key: Down(400, "it refuses")})
BUSY = {
    ELEVEN.key: ClientShares(Share(0, 7), Share()),
    TWELVE.key: ClientShares(Share(2, 7), Share()),
}


@pytest.fixture
def checked(tmp_path: Path) -> DirectorProfile:
    document = json.loads(Path(DIRECTOR).read_text(encoding="utf-8"))
    file = tmp_path / "director.json"
    file.write_text(json.dumps({**document, "health": {"interval": 5.0}}), encoding="utf-8")
    profile = read(file)
    assert isinstance(profile, DirectorProfile)
    return profile


Clients = Mapping[Key, ClientShares]


def nobody_reads() -> tuple[RealServer, ...]:
    raise AssertionError("it was read")


def apart(
    profile: DirectorProfile, out: OutOfService, clients: Mapping[Key, ClientShares]
) -> ServersApart:
    return servers_apart(profile, {WEB: 2}, out, lambda: clients)


def test_of_few_real_servers_each_is_told_of(checked: DirectorProfile) -> None:
    found = apart(checked, OutOfService(), BUSY)

    assert [each.key for each in found.servers] == [ELEVEN.key, TWELVE.key]
    assert found.checked == {ELEVEN.key, TWELVE.key}
    assert found.clients == BUSY


def test_of_many_those_with_which_something_is_wrong(
    checked: DirectorProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvsdr.cli.servers_apart.MOST_APART", 1)

    well, ill, unanswered = (
        apart(checked, *each) for each in ((OutOfService(), {}), (ILL, {}), (OutOfService(), BUSY))
    )

    assert (well.servers, well.checked, well.clients) == ([], frozenset(), {})
    assert ([each.key for each in ill.servers], ill.checked) == (
        [ELEVEN.key],
        frozenset({ELEVEN.key}),
    )
    assert [each.key for each in unanswered.servers] == [TWELVE.key]
    assert unanswered.clients == {TWELVE.key: BUSY[TWELVE.key]}


def test_of_many_no_more_is_read_than_is_told_of(
    checked: DirectorProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvsdr.cli.servers_apart.MOST_APART", 1)
    partly = replace(checked, real_servers=PartlyRead((ELEVEN,), {}, nobody_reads))

    found = [apart(partly, out, {}).servers for out in (OutOfService(), ILL)]

    assert found == [[], [ELEVEN]]
    with pytest.raises(AssertionError, match="it was read"):
        apart(partly, OutOfService(), BUSY)


@pytest.mark.parametrize(("many", "well", "broken"), [(2, 1, 1), (MOST_APART + 1, 0, 1)])
def test_paths_that_serve_are_told_of_where_they_are_few(many: int, well: int, broken: int) -> None:
    filtered = Proof(Way(WEB, VIP, TWELVE.rip, 80), "filtered")
    proof = replace(PROOF, paths=[*PROOF.paths, filtered])
    figures = replace(HOST, profiles=(replace(WHOLE, counts={WEB: many}, proof=proof),))

    assert len(value(figures, "lvsdr_path_serves", verdict="served")) == well
    assert len(value(figures, "lvsdr_path_serves", verdict="filtered")) == broken


# --- the command ----------------------------------------------------------------------------------


def test_metrics_exits_with_0_whatever_it_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = FakeSession(host(DIP), tmp_path)

    before = Run(capsys, session, "metrics", DIRECTOR, "/nowhere/realserver.json")
    assert Run(capsys, session, "director", "apply", DIRECTOR).code == 0
    after = Run(capsys, session, "metrics", "--format", "json")

    assert before.code == after.code == 0
    assert 'lvsdr_profile_in_sync{role="director",profile="web"} 0' in before.out
    assert "lvsdr: cannot read /nowhere/realserver.json" in before.err
    samples = {it["name"]: it["samples"] for it in json.loads(after.out)["metrics"]}
    assert [each["value"] for each in samples["lvsdr_profile_in_sync"]] == [1]


def test_a_proof_that_can_no_longer_be_made_is_told_with_its_age(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else no alert would say that it has become old."""
    file = tmp_path / "director.json"
    file.write_text(Path(DIRECTOR).read_text(encoding="utf-8"), encoding="utf-8")
    session = FakeSession(host(DIP), tmp_path)
    assert Run(capsys, session, "director", "apply", str(file)).code == 0
    scraped = Scraped(session, [file])
    scraped.prove()
    (before,) = scraped.figures().profiles
    file.unlink()

    scraped.prove()
    (after,) = scraped.figures().profiles

    assert before.proof is not None
    assert after.unreadable
    assert after.proof == before.proof


def test_two_profiles_of_one_name_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.json"
    document = json.loads(Path(DIRECTOR).read_text(encoding="utf-8"))
    other.write_text(json.dumps({**document, "name": "web"}), encoding="utf-8")

    run = Run(capsys, FakeSession(host(DIP), tmp_path), "metrics", DIRECTOR, str(other))

    assert run.code == 2
    assert "is a director profile called web as well" in run.err


def test_a_textfile_is_written_whole_for_another_user_to_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, file = FakeSession(host(DIP), tmp_path / "run"), tmp_path / "lvsdr.prom"
    file.write_text("old", encoding="utf-8")
    before = os.umask(0o022)
    try:
        run = Run(capsys, session, "metrics", DIRECTOR, "--out", str(file))
    finally:
        os.umask(before)

    families = text_string_to_metric_families(file.read_text(encoding="utf-8"))
    assert (run.code, run.out) == (0, "")
    assert "lvsdr_profile_in_sync" in {family.name for family in families}
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["lvsdr.prom"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--out", "/nowhere/lvsdr.prom"], 6, "cannot write /nowhere/lvsdr.prom: no such file"),
        (["--out", "x", "--listen", "127.0.0.1:9842"], 2, "exclude each other"),
    ],
)
def test_where_it_cannot_be_written_that_is_said(
    words: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(capsys, FakeSession(host(DIP), tmp_path), "metrics", DIRECTOR, *words)

    assert run.code == code
    assert said in run.err


def test_without_the_client_library_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    session = FakeSession(host(DIP), tmp_path)

    run = Run(capsys, session, "metrics", "--listen", "127.0.0.1:9842", DIRECTOR)

    assert run.code == 6
    assert "hint: apt-get install python3-prometheus-client" in run.err


@pytest.mark.parametrize("place", ["9842", "host:9842", "127.0.0.1:0", "127.0.0.1:65536", ":1"])
def test_a_place_to_listen_has_an_address_and_a_port(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(capsys, FakeSession(host(DIP), tmp_path), "metrics", "--listen", place)

    assert run.code == 2
    assert "is not an address and a port" in run.err


# --- silence --------------------------------------------------------------------------------------


def silent(*findings: Finding, macs: tuple[str, ...] = ("02:00:00:00:00:10",)) -> bool:
    answers = frozenset(Answer(VIP, mac, "own") for mac in macs)
    return VIP in silent_vips(read(Path(DIRECTOR)), Verdict(findings, answers))


def test_silence_is_proven_by_one_answer_and_no_fault_of_arp() -> None:
    fault = Finding("ARP-ANSWER", "error", "eth0", "another answers", vip=VIP)

    assert silent()
    assert silent(Finding("DRIFT", "error", "real server", "is missing"))
    assert not silent(macs=())
    assert not silent(macs=("02:00:00:00:00:10", "02:00:00:00:00:11"))
    assert not silent(fault)
    assert not silent(replace(fault, vip=None))
    assert silent(replace(fault, severity="warning"))


# --- a plugin's output ----------------------------------------------------------------------------


def plugin(*findings: Finding) -> tuple[int, list[str]]:
    paths = [Proof(Way(WEB, VIP, RIP, 80), "served"), Proof(Way(WEB, VIP, TWELVE.rip, 80), "down")]
    result = Verified(findings, frozenset(), {}, paths)
    return nagios_output.code_of(result), list(nagios_output.verified(result))


def test_a_plugin_says_what_is_worst_in_its_first_line() -> None:
    error = Finding("ARP-ANSWER", "error", "eth0", "a | bar", hint="lvsdr realserver apply")
    warning = Finding("RP-FILTER", "warning", "eth0", "strict")

    code, lines = plugin(warning, error)

    assert code == 2
    numbers = "errors=1;;0 warnings=1;0 paths=2 served=1"
    told = "ARP-ANSWER: a / bar; 1 errors, 1 warnings; 1 of 2 paths serve"
    assert lines[0] == f"LVSDR CRITICAL - {told} | {numbers}"
    assert lines[1:] == [
        "warning: RP-FILTER: strict",
        "error: ARP-ANSWER: a / bar",
        "  hint: lvsdr realserver apply",
    ]
    assert plugin(warning)[0] == 1
    assert plugin() == (
        0,
        ["LVSDR OK - 1 of 2 paths serve | errors=0;;0 warnings=0;0 paths=2 served=1"],
    )


@pytest.mark.parametrize("arguments", [("/nowhere/director.json",), ("--no-such-option",)])
def test_what_a_plugin_cannot_say_is_unknown(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = FakeSession(host(DIP), tmp_path)

    run = Run(capsys, session, "director", "verify", "--nagios", *arguments)

    assert run.code == 3
    assert run.out.startswith("LVSDR UNKNOWN - ")
