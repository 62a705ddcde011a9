"""What `make install` puts where, and the units of systemd."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

from lvsdr.cli.command_line import cli

ROOT = Path(__file__).parent.parent
UNITS = sorted((ROOT / "packaging" / "systemd").iterdir())
NAMES = [unit.name for unit in UNITS]
# They take /proc/sys/net away, and the sight of keepalived's processes.
BREAKING = ("ProcSubset", "ProtectProc")
# What systemd says as 2.6.
MOST_EXPOSED = 26


def test_the_licence_is_spdx_text() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert document["project"]["license"] == "Apache-2.0"
    # Both at once are refused by what builds the package.
    assert not [each for each in document["project"]["classifiers"] if "License" in each]


def settings(unit: Path) -> dict[str, dict[str, str]]:
    # Some settings stand twice: each adds to the one before.
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    return {name: dict(parser[name]) for name in parser.sections()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files below a DESTDIR."""
    folder = tmp_path_factory.mktemp("destdir")
    command = ["make", "-s", "-C", str(ROOT), "install-files", f"DESTDIR={folder}", "PREFIX=/usr"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_make_install_puts_everything_below_the_prefix(installed: Path) -> None:
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}

    assert files == {
        *(f"usr/lib/systemd/system/{name}" for name in NAMES),
        "usr/lib/modules-load.d/lvsdr.conf",
        "usr/share/lvsdr/50-lvsdr-realserver.conf",
        "usr/share/man/man5/lvsdr-profile.5",
        "usr/share/man/man8/lvsdr.8",
    }


@pytest.mark.parametrize("name", NAMES)
def test_an_installed_unit_names_the_installed_program(installed: Path, name: str) -> None:
    service = settings(installed / "usr/lib/systemd/system" / name)["Service"]

    assert shlex.split(service["ExecStart"])[0] == "/usr/bin/lvsdr"
    assert "@" not in service["ExecStart"]


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_each_command_of_a_unit_is_one_of_the_program(unit: Path) -> None:
    service = settings(unit)["Service"]
    commands = [value for key, value in service.items() if key.startswith("Exec")]
    # A resident is told by a signal.
    signals = ["/bin/kill -HUP $MAINPID"] if "keep@" in unit.name else []

    assert [each for each in commands if not each.startswith("@BINDIR@/lvsdr ")] == signals
    for command in commands:
        if command in signals:
            continue
        found: click.Command = cli
        for word in shlex.split(command)[1:3]:
            assert isinstance(found, click.Group)
            found = found.resolve_command(click.Context(found), [word])[1] or found
        assert not isinstance(found, click.Group)


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_a_unit_is_ready_before_keepalived_and_hardened_no_further_than_it_bears(
    unit: Path,
) -> None:
    found = settings(unit)

    assert found["Unit"]["Before"] == "keepalived.service"
    assert not set(BREAKING) & found["Service"].keys()
    assert found["Service"]["CapabilityBoundingSet"] == "CAP_NET_ADMIN CAP_NET_RAW"
    assert found["Service"]["ProtectSystem"] == "strict"


@pytest.fixture
def instances(tmp_path: Path) -> list[str]:
    """The units as systemd-analyze takes them: a template as one of its instances."""
    if shutil.which("systemd-analyze") is None:
        assert "LVSDR_REQUIRE_ALL" not in os.environ, "systemd-analyze is not installed"
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    paths = [tmp_path / unit.name.replace("@.", "@web.") for unit in UNITS]
    for unit, path in zip(UNITS, paths, strict=True):
        path.write_text(unit.read_text().replace("@BINDIR@/lvsdr", "/bin/true"))
    return [str(path) for path in paths]


def analyzed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


def test_systemd_itself_takes_the_units(instances: list[str]) -> None:
    done = analyzed("verify", "--man=no", "--recursive-errors=no", *instances)

    ours = [line for line in done.stderr.splitlines() if "lvsdr" in line]
    assert (ours, done.returncode) == ([], 0)


def test_what_a_unit_is_exposed_to_is_bounded(instances: list[str]) -> None:
    bound = ["security", "--offline=yes", "--no-pager", f"--threshold={MOST_EXPOSED}"]

    done = analyzed(*bound, *instances)

    assert done.stdout.count("Overall exposure level") == len(UNITS)
    assert done.returncode == 0, done.stdout


def test_without_a_filter_of_system_calls_a_unit_is_exposed_beyond_that(
    instances: list[str],
) -> None:
    for each in map(Path, instances):
        each.write_text(re.sub("(?m)^SystemCallFilter=.*\n", "", each.read_text()))

    done = analyzed("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", *instances)

    assert done.returncode == 1
