"""The table that another tool makes of its file, and the one that the imported profile makes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import program
import pytest
from directed_files import FILES as DIRECTED
from directed_files import NOT_STARTED
from restored_files import FILES, File
from rig import lvsdr, refused, settled

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host


@pytest.fixture(scope="module")
def machine() -> Iterator[Host]:
    with hosts(["machine"]) as made:
        host = made["machine"]
        host.ip(
            "link add eth0 type veth peer name peer0",
            "link set peer0 up",
            "link set eth0 up",
            "address add 192.0.2.1/24 dev eth0",
            "address add 2001:db8::1/64 dev eth0 nodad",
        )
        yield host


def table_of(host: Host) -> list[str]:
    """Return what ipvsadm says of the table, its thresholds, timeouts and daemons."""
    saved = host.run("ipvsadm", "-Sn").stdout.splitlines()
    limits = host.run("ipvsadm", "-Ln", "--thresholds").stdout.splitlines()[1:]
    beside = [host.run("ipvsadm", "-L", each).stdout for each in ("--timeout", "--daemon")]
    return [*sorted(saved), *sorted(limits), *beside]


def imported_and_applied(host: Host, tool: str, file: Path) -> tuple[list[str], set[str]]:
    """Return the table that the imported director makes, and the rules of the import's findings."""
    folder = file.parent / "profiles"
    done = program.run(
        host,
        "import",
        tool,
        str(file),
        "--out",
        str(folder),
        "--interface",
        "eth0",
        "--format",
        "json",
    )
    said = json.loads(done.stdout)
    lvsdr(host, "director", "apply", folder / "director.json")
    try:
        return table_of(host), {each["rule"] for each in said["findings"]}
    finally:
        lvsdr(host, "director", "withdraw", folder / "director.json")


@pytest.mark.parametrize("file", FILES, ids=[each.name for each in FILES])
def test_a_restored_file_and_its_import_make_the_same_table(
    machine: Host, tmp_path: Path, file: File
) -> None:
    path = tmp_path / "rules"
    path.write_text(file.text, encoding="utf-8")
    timeouts = machine.run("ipvsadm", "-L", "--timeout").stdout.split()[-3:]
    machine.run("sh", text=f"ipvsadm -R <{path} || true")
    theirs = table_of(machine)
    machine.run(
        "sh", text=f"ipvsadm -C; ipvsadm --stop-daemon master; ipvsadm --set {' '.join(timeouts)}"
    )

    ours, rules = imported_and_applied(machine, "ipvsadm", path)

    assert (ours == theirs) == file.same, f"{ours}\n{theirs}"
    assert set(file.rules) <= rules


@pytest.mark.parametrize("file", DIRECTED, ids=[each.name for each in DIRECTED])
def test_ldirectord_and_the_import_of_its_file_make_the_same_table(
    machine: Host, tmp_path: Path, file: File
) -> None:
    path = tmp_path / "ldirectord.cf"
    path.write_text(file.text, encoding="utf-8")
    ours, rules = imported_and_applied(machine, "ldirectord", path)

    machine.run("ldirectord", str(path), "start")
    try:
        theirs = settled(lambda: table_of(machine), ours, seconds=30, every=0.3)
    finally:
        # As its own stop does, which is a second Perl.
        machine.run("sh", text="kill $(cat /run/ldirectord.*.pid)")
        settled(lambda: machine.run("ipvsadm", "-Sn").stdout, "", seconds=30, every=0.3)
        machine.run("ipvsadm", "-C")

    assert theirs == ours
    assert set(file.rules) <= rules


@pytest.mark.parametrize("file", NOT_STARTED, ids=[each.name for each in NOT_STARTED])
def test_a_file_with_which_ldirectord_does_not_start_is_refused(
    machine: Host, tmp_path: Path, file: File
) -> None:
    path = tmp_path / "ldirectord.cf"
    path.write_text(file.text, encoding="utf-8")

    theirs = machine.run("sh", text=f"ldirectord {path} start 2>&1; echo exit $?").stdout

    assert "exit 2" in theirs
    assert f"{path}:" in refused(machine, "import", "ldirectord", str(path), expect=2)
