"""Where Python is started once more, nothing that lies in the current folder has a say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from lvsdr.lab import uml, uml_kernel
from lvsdr.lab.lvsdr_command import lvsdr_command

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = Path(click.__file__).parents[1]
# A module of the standard library, one of ours, and one of each package that we import.
SHADOWS = ("ipaddress", "lvsdr", "click", "jsonschema", "pyroute2", "sitecustomize")
MARK = "a file of the current folder was run"
# A launcher that says itself where the program and its packages lie.
LAUNCHER = "import sys; sys.path[:0] = {path!r}; from lvsdr.cli.main import main; main()"
outside = pytest.mark.skipif(
    "LVSDR_LAB" in os.environ or uml_kernel.available() is not None,
    reason=str(uml_kernel.available() or "a guest boots no guest"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files that say so when they are imported."""
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text(f"print({MARK!r}, __name__, flush=True)\n")
    return tmp_path


def ran(
    words: list[str], folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("variable", ["", ":", "."])
def test_the_program_started_again_runs_nothing_of_the_current_folder(
    folder: Path, variable: str
) -> None:
    checked = [str(path) for path in sorted((ROOT / "profiles").iterdir())]

    done = ran(lvsdr_command("check", *checked), folder, {**os.environ, "PYTHONPATH": variable})

    assert (done.returncode, MARK in done.stdout, done.stderr) == (0, False, "")


def test_the_files_say_so_when_they_are_run(folder: Path) -> None:
    """Without isolation, the current folder comes first."""
    done = ran([sys.executable, "-m", "lvsdr", "--version"], folder)

    assert MARK in done.stdout


@outside
def test_a_rehearsal_from_a_launcher_runs_nothing_of_the_current_folder(folder: Path) -> None:
    launcher = LAUNCHER.format(path=[str(ROOT), str(PACKAGES)])
    start = [sys.executable, "-I", "-S", "-c", launcher]

    done = ran([*start, "rehearse", "--scenario", "classic"], folder)

    assert (done.returncode, done.stderr) == (0, "")
    assert MARK not in done.stdout
    assert done.stdout.endswith("rehearsed: all went well\n")


@outside
def test_the_guest_finds_no_program_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "true"
    fake.write_text(f"#!/bin/sh\necho {MARK}; exit 1\n")
    fake.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f":.:{os.environ['PATH']}")

    assert uml.run(["true"], environment=os.environ) == 0


# Ruff is no Python program; what else lies in the environment is started by Python.
STARTED = re.compile(r"(?:^|\s)(\S*python3?|\.venv/bin/(?!ruff)\S+)(?=\s)(?! -I)")


def test_the_makefile_starts_python_isolated() -> None:
    goals = ("demo", "test", "install", "torture", "bench")
    shown = ran(["make", "-nB", "DESTDIR=/nowhere", *goals], ROOT).stdout

    lines = [line.replace("-I .venv/bin/", "-I ") for line in shown.splitlines()]

    assert sum(" -I" in line for line in lines) > len(goals)
    assert [line for line in lines if STARTED.search(line)] == []


@pytest.mark.parametrize("unit", sorted((ROOT / "packaging/systemd").iterdir()), ids=str)
def test_a_unit_starts_the_launcher_alone(unit: Path) -> None:
    lines = [line for line in unit.read_text().splitlines() if line.startswith("Exec")]

    # A resident is told of a reload by a signal, and nothing else is started.
    told = {"ExecReload=/bin/kill -HUP $MAINPID"} & {*lines}
    commands = {line.partition("=")[2].split()[0] for line in lines if line not in told}
    assert commands == {"@BINDIR@/lvsdr"}
    assert bool(told) == ("keep@" in unit.name)
