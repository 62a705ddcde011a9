"""Real servers that are down, as each command says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake import FakeSession, host
from lvsdr.core import health_state
from lvsdr.model.foreign_program import CheckedService, Checker
from lvsdr.model.health import REMOVE, Down
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read
from test_cli import DIP, VIP, Run, kernel_of

DIRECTOR = str(Path(__file__).parent / "checked_profiles/director.json")

REFUSES = Down(1_764_500_000, "refuses the connection")
SILENT = Down(1_764_500_000, "no answer within 0.5 s", action=REMOVE)
SAID = {"since": 1_764_500_000, "by": "lvsdr director keep"}


def profile() -> DirectorProfile:
    made = read(Path(DIRECTOR))
    assert isinstance(made, DirectorProfile)
    return made


@pytest.fixture
def applied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> FakeSession:
    session = FakeSession(host(DIP), tmp_path)
    assert Run(capsys, session, "director", "apply", DIRECTOR).code == 0
    return session


@pytest.fixture
def down(applied: FakeSession, monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    """The first real server refuses, and has weight 0; the second is silent, and out."""
    monkeypatch.setenv("COLUMNS", "80")
    first, second = profile().real_servers
    changes = {first.key: REFUSES, second.key: SILENT}
    health_state.set_down(profile(), changes, kernel_of(applied), applied.book())
    return applied


def test_plan_and_apply_say_it_and_change_nothing(
    down: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("plan", "apply"):
        done = Run(capsys, down, "director", command, DIRECTOR)

        assert (done.code, done.out) == (0, "nothing to change\n")
        assert done.err.splitlines() == [
            "lvsdr: real server 192.168.1.11:80 of tcp 192.168.1.2:80 is down since"
            " 2025-11-30T10:53:20Z (refuses the connection), by lvsdr director keep: weight 0 until"
            " it serves again",
            "lvsdr: real server 192.168.1.12:80 of tcp 192.168.1.2:80 is down since"
            " 2025-11-30T10:53:20Z (no answer within 0.5 s), by lvsdr director keep: not in the"
            " table until it serves again",
        ]


def test_status_says_it_within_a_page(
    down: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = Run(capsys, down, "director", "status", DIRECTOR)

    assert seen.code == 0
    assert seen.out.splitlines()[3:] == [
        "  192.168.1.11:80 (dr, weight 0)                  0         0       0  down",
        "    since 2025-11-30T10:53:20Z: refuses the connection (lvsdr director keep)",
        "  192.168.1.12:80 (not in the table)                                   down",
        "    since 2025-11-30T10:53:20Z: no answer within 0.5 s (lvsdr director keep)",
    ]
    assert max(map(len, seen.out.splitlines())) <= 80


@pytest.mark.parametrize("format", ["text", "json", "commands"])
def test_status_says_it_once(
    down: FakeSession, format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = Run(capsys, down, "director", "status", DIRECTOR, "--format", format)

    # Among commands there is no place for it.
    assert seen.err.count("refuses the connection") == (format == "commands")
    assert seen.out.count("refuses the connection") == (format != "commands")


def test_status_says_how_a_drain_ends(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(capsys, applied, "director", "drain", "--rip", "192.168.1.12", DIRECTOR)

    seen = Run(capsys, applied, "director", "status", DIRECTOR)

    assert "lvsdr director drain --undo --rip 192.168.1.12" in seen.err


def test_status_says_it_to_programs(down: FakeSession, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (("director", "status", DIRECTOR), ("status",)):
        document = Run(capsys, down, *command, "--format", "json").document
        objects = document["profiles"][0]["objects"] if command == ("status",) else None
        rows = [it for it in objects or document["objects"] if it["object"] == "real_server"]

        assert document["ok"]
        assert [(it["state"], it["down"]) for it in rows] == [
            ("down", {**SAID, "why": "refuses the connection", "action": "weight"}),
            ("down", {**SAID, "why": "no answer within 0.5 s", "action": "remove"}),
        ]
        assert [it["desired"] is None for it in rows] == [False, True]


def test_status_of_the_record_fits_a_page_too(
    down: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = Run(capsys, down, "status")

    assert seen.code == 0
    assert max(map(len, seen.out.splitlines())) <= 80
    assert "    192.168.1.12:80 (not in the table)         down" in seen.out.splitlines()
    assert seen.out.count("since 2025-11-30T10:53:20Z") == 2


def test_status_as_commands_makes_what_is_there(
    down: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Run(capsys, down, "director", "status", DIRECTOR, "--format", "commands").out

    assert "-r 192.168.1.11:80 -g -w 0" in lines
    assert "192.168.1.12" not in lines


def test_one_that_is_put_back_by_hand_is_unwanted(
    down: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    second = profile().real_servers[1]
    kernel_of(down).objects[second.key] = second

    for command in (("director", "status", DIRECTOR), ("status",)):
        seen = Run(capsys, down, *command)
        assert seen.code == 1
        (line,) = (line for line in seen.out.splitlines() if "192.168.1.12:80 (dr" in line)
        assert line.endswith("  unwanted")
    assert "drift: 192.168.1.12:80 of tcp 192.168.1.2:80: was absent; is dr, weight 1" in (
        Run(capsys, down, "director", "plan", DIRECTOR).out
    )


def test_verify_says_what_the_paths_are_like_and_has_no_error(
    down: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    down.verdicts = {"192.168.1.11": "port-closed"}

    seen = Run(capsys, down, "director", "verify", DIRECTOR)
    document = Run(capsys, down, "director", "verify", DIRECTOR, "--format", "json").document

    assert seen.code == 0
    assert seen.out.splitlines()[1:4] == [
        "tcp 192.168.1.2:80: 1 of 2 real servers serve",
        "  192.168.1.11 (down): port-closed",
        "  192.168.1.12 (down): served",
    ]
    assert [each.rpartition("; ")[2] for each in document["notes"]] == [
        "its path: port-closed",
        "its path: serves",
    ]
    assert [(it["rule"], it["severity"]) for it in document["findings"]] == [
        ("PATH-PORT-CLOSED", "warning")
    ]
    assert [it["down"]["why"] for it in document["paths"]] == [REFUSES.why, SILENT.why]
    assert max(map(len, seen.out.splitlines())) <= 80


def test_without_it_the_fault_is_an_error(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    applied.verdicts = {"192.168.1.11": "port-closed"}

    seen = Run(capsys, applied, "director", "verify", DIRECTOR)

    assert seen.code == 1
    assert "error: PATH-PORT-CLOSED" in seen.out


def test_who_is_drained_is_no_error_either(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(capsys, applied, "director", "drain", "--rip", "192.168.1.11", DIRECTOR)
    applied.verdicts = {"192.168.1.11": "port-closed"}

    seen = Run(capsys, applied, "director", "verify", DIRECTOR)

    assert seen.code == 0
    assert "is drained: weight 0" in " ".join(seen.out.split())


def test_the_undo_of_a_drain_clears_the_mark(
    down: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    for rip in ("192.168.1.11", "192.168.1.12"):
        done = Run(capsys, down, "director", "drain", "--undo", "--rip", rip, DIRECTOR)
        assert done.out.splitlines()[-1] == f"restored {rip}"

    planned = Run(capsys, down, "director", "plan", DIRECTOR)

    assert (planned.code, planned.err) == (0, "")
    there = [it for it in kernel_of(down).objects.values() if isinstance(it, RealServer)]
    assert [it.weight for it in there] == [1, 1]


def test_who_is_out_of_the_table_can_be_drained(
    down: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    done = Run(capsys, down, "director", "drain", "--rip", "192.168.1.12", DIRECTOR)

    assert (done.code, done.out.splitlines()[-1]) == (0, "drained 192.168.1.12")
    seen = Run(capsys, down, "director", "status", DIRECTOR).out
    assert "192.168.1.12:80 (not in the table)                                   drained" in seen


def test_what_a_checker_of_another_program_has_done_is_said(
    applied: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    """H2: apply put weight 1 back, and every second request was refused."""
    first, second = profile().real_servers
    kernel = kernel_of(applied)
    kernel.objects[first.key] = replace(first, weight=0)
    reals = frozenset((each.rip, each.port) for each in (first, second))
    service = CheckedService("tcp", VIP, VIP, 80, 0, reals)
    kernel.checking = (Checker("ldirectord", "/etc/ha.d/ldirectord.cf", (service,)),)

    done = Run(capsys, applied, "director", "apply", DIRECTOR)
    seen = Run(capsys, applied, "director", "status", DIRECTOR)
    proven = Run(capsys, applied, "director", "verify", DIRECTOR, "--format", "json")

    assert (done.code, done.out) == (0, "nothing to change\n")
    assert "is down (its checker has set weight 0), by ldirectord: weight 0 until" in done.err
    assert kernel.objects[first.key] == replace(first, weight=0)
    assert seen.code == 0
    assert "    its checker has set weight 0 (ldirectord)" in seen.out.splitlines()
    assert proven.code == 0
    assert proven.document["paths"][0]["down"]["since"] is None
