"""A large table set up before a person's eyes: what is told, and that nothing is broken by it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import Document, director, write
from witnesses import ipvsadm

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from terminals import COLUMNS, OnTerminal

TORTURE = os.environ.get("LVSDR_TORTURE") == "1"
SERVICES, EACH = (1000, 50) if TORTURE else (200, 50)
# Of a smaller table each command ends sooner, and what it does on the way even more so.
AFTER, EVERY = (1.0, 0.1) if TORTURE else (0.02, 0.002)
CABLE = (
    "link add eth0 address 02:00:00:00:00:10 type veth peer name cable0 address 02:00:00:00:00:99",
    "link set eth0 up",
    "link set cable0 up",
    "address add 192.168.1.10/24 dev eth0",
)
# The program, with a line that is drawn so often that no system call and no send is spared.
AT_ONCE = """
import sys
from lvsdr.cli import progress_line
from lvsdr.cli.main import program
progress_line.AFTER, progress_line.EVERY = {after}, {every}
sys.argv = ["lvsdr", *sys.argv[1:]]
program()
"""
TAKEN = re.compile(r" \((\d+) s\)$")
COUNTED = re.compile(r"changing this host \[[#-]{20}\] ([\d,]+) of ([\d,]+) ")
CTRL_C = b"\x03"


def service(number: int) -> Document:
    rips = [f"10.{number % 200 + 1}.{number // 200}.{place + 1}" for place in range(EACH)]
    return {
        "vip": "192.168.1.2",
        "protocol": "tcp",
        "port": 1000 + number,
        "real_servers": [{"rip": each} for each in rips],
    }


@pytest.fixture
def host() -> Iterator[Host]:
    with hosts(["director"]) as made:
        made["director"].ip(*CABLE)
        yield made["director"]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return write(tmp_path, director(*(service(number) for number in range(SERVICES))))


def on_terminal(
    host: Host, *words: str | Path, after: float = AFTER, every: float = EVERY, **how: Any
) -> OnTerminal:
    """Run the program on a terminal of 80 columns, its result in a file."""
    enter = [str(shutil.which("nsenter")), f"--net={host.path}"]
    script = AT_ONCE.format(after=after, every=every)
    return OnTerminal([*enter, sys.executable, "-c", script, *map(str, words)], **how)


def servers_of(host: Host) -> int:
    return sum(line.startswith("-a ") for line in ipvsadm(host))


def test_each_command_of_a_large_table_says_what_it_does_after_the_first_second(
    host: Host, large: Path, tmp_path: Path
) -> None:
    rows = (
        ("director", "plan", large),
        ("director", "apply", "--take-over", large),
        *(
            ("director", "status", large),
            ("export", "ipvsadm", large),
            ("check", large),
            ("director", "drain", "--rip", "10.1.0.1", "--timeout", "3", large),
        )[: None if TORTURE else 0],
        ("director", "withdraw", large),
    )
    said = {}
    for number, words in enumerate(rows):
        seen = on_terminal(host, *words, stdout=tmp_path / f"out-{number}")
        said[words[:2]] = seen.told
        print(words[:2], seen.code, *dict.fromkeys(seen.told), sep="\n    ")

        # Nothing of it stays, but what people have to know.
        assert [line for line in seen.lines if TAKEN.search(line)] == []
        assert all(len(line) < COLUMNS for line in seen.told)
        times = [int(taken[1]) for line in seen.told if (taken := TAKEN.search(line))]
        assert times[:1] in ([], [round(AFTER)])
        assert times == sorted(times)

    assert any("working out what differs" in line for line in said["director", "plan"])
    assert any("looking at this host" in line for line in said["director", "apply"])


def test_a_line_that_is_drawn_all_the_time_changes_nothing_of_what_is_done(
    host: Host, large: Path, tmp_path: Path
) -> None:
    applied = on_terminal(
        host,
        *("director", "apply", "--take-over", large),
        after=0.01,
        every=0.002,
        stdout=tmp_path / "applied",
    )
    there = servers_of(host)
    planned = on_terminal(host, "director", "plan", large, after=0.01, every=0.002)
    counted = [found for line in applied.told if (found := COUNTED.search(line))]
    gone = on_terminal(
        host, "director", "withdraw", large, after=0.01, every=0.002, stdout=tmp_path / "gone"
    )

    assert (applied.code, planned.code, gone.code) == (0, 0, 0), applied.lines
    assert planned.lines == ["nothing to change"]
    assert there == SERVICES * EACH
    assert servers_of(host) == 0
    sent = [int(found[1].replace(",", "")) for found in counted]
    assert sent == sorted(sent)
    # Some 1,900 changes go in one send.
    assert len(set(sent)) > SERVICES * EACH // 2500
    assert {found[2] for found in counted} == {f"{SERVICES * (EACH + 1) + 1:,}"}


def test_ctrl_c_in_the_midst_of_the_changes_undoes_them_and_leaves_the_error_alone(
    host: Host, large: Path, tmp_path: Path
) -> None:
    def pressed(terminal: int, heard: bytes) -> bool:
        if not re.search(rb"changing this host \[#", heard):
            return False
        os.write(terminal, CTRL_C)
        return True

    words = ("director", "apply", "--take-over", large)
    seen = on_terminal(host, *words, after=0.01, every=0.002, during=pressed, stdout=tmp_path / "o")

    assert seen.code == 3
    assert seen.lines[0] == "lvsdr: interrupted by SIGINT"
    assert seen.lines[-1].endswith("undone; the host is as it was")
    assert servers_of(host) == 0
