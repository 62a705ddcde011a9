"""What `make install` puts where, and the units of systemd."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement

from lvsdr import __version__
from lvsdr.cli.command_line import cli
from lvsdr.errors import CannotRun

ROOT = Path(__file__).parent.parent
UNITS = sorted((ROOT / "packaging" / "systemd").iterdir())
NAMES = [unit.name for unit in UNITS]
COMPLETIONS = {"bash": "lvsdr", "zsh": "_lvsdr", "fish": "lvsdr.fish"}
# They take /proc/sys/net away, and the sight of keepalived's processes.
BREAKING = ("ProcSubset", "ProtectProc")
# What systemd says as 2.0, and of a resident that asks real servers, as 2.3.
MOST_EXPOSED = {name: 23 if name == "lvsdr-director-keep@.service" else 20 for name in NAMES}


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
        "usr/share/bash-completion/completions/lvsdr",
        "usr/share/fish/vendor_completions.d/lvsdr.fish",
        "usr/share/lvsdr/50-lvsdr-realserver.conf",
        "usr/share/lvsdr/lvsdr-alerts.yml",
        "usr/share/lvsdr/lvsdr-dashboard.json",
        "usr/share/man/man5/lvsdr-profile.5",
        "usr/share/man/man8/lvsdr.8",
        "usr/share/zsh/site-functions/_lvsdr",
    }


def made(*words: str) -> str:
    """Return what make says, without the environment of a make that runs the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-s", "-C", str(ROOT), f"PYTHON={sys.executable}", *words],
        capture_output=True,
        text=True,
        check=False,
        env=own,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Libraries as an installed program has them once the host's Python has changed under it."""
    folder = tmp_path_factory.mktemp("libraries")
    shutil.copytree(Path(click.__file__).parent, folder / "click")
    (folder / "jsonschema").mkdir()
    (folder / "jsonschema/__init__.py").write_text("import rpds_of_another_python\n")
    return folder


@pytest.fixture
def prefix(tmp_path: Path, libraries: Path) -> Path:
    """A program that is installed in a folder of its own."""
    made("install-program", "install-files", f"PREFIX={tmp_path}/p", f"LIBRARIES={libraries}")
    return tmp_path / "p"


def run_in(prefix: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [prefix / "bin/lvsdr", *words], capture_output=True, text=True, check=False
    )


def test_an_installed_program_says_its_version_and_where_it_runs_from(prefix: Path) -> None:
    done = run_in(prefix, "--version")

    python = ".".join(map(str, sys.version_info[:3]))
    assert done.stdout == (
        f"lvsdr, version {__version__}, from {prefix}/lib/lvsdr (Python {python})\n"
    )


def test_an_installed_program_reads_sound_profiles_when_its_python_has_changed(
    prefix: Path,
) -> None:
    profiles = [str(path) for path in sorted((ROOT / "profiles").iterdir())]

    assert run_in(prefix, "check", *profiles).returncode == 0


def test_a_library_that_does_not_load_is_told_with_what_to_do(prefix: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"role": "realserver", "interface": "eth0", "vips": 1}')

    done = run_in(prefix, "check", str(wrong))

    python = ".".join(map(str, sys.version_info[:2]))
    assert done.returncode == CannotRun.exit_code
    assert done.stderr.splitlines() == [
        "lvsdr: cannot say what is wrong in the profile: jsonschema does not load: "
        "No module named 'rpds_of_another_python'",
        f"  this is Python {python}; the one that lvsdr was installed with may be gone",
        "  hint: install lvsdr again, as it was: make install, pipx reinstall, or the package",
    ]


MARK = "run at each start of any program"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """The Python of an environment in which a package has left something to be run."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "e"], check=True)
    (packages,) = (tmp_path / "e/lib").glob("python*/site-packages")
    (packages / "left.pth").write_text(f"import sys; print({MARK!r}, file=sys.stderr)\n")
    (packages / "jsonschema.py").write_text("class Draft7Validator: raise SystemExit('found')\n")
    return tmp_path / "e/bin/python"


def test_an_installed_program_runs_nothing_that_other_packages_have_left(
    tmp_path: Path, libraries: Path, environment: Path
) -> None:
    where = [f"PREFIX={tmp_path}/p", f"LIBRARIES={libraries}"]
    made("install-program", f"PYTHON_INSTALLED={environment}", *where)

    without = subprocess.run([environment, "-Ic", ""], capture_output=True, text=True, check=True)
    assert MARK in without.stderr
    assert MARK not in run_in(tmp_path / "p", "--version").stderr


def test_an_installed_program_finds_a_package_that_the_host_brings(
    tmp_path: Path, libraries: Path, environment: Path
) -> None:
    """As those of distributions do: jsonschema is the distribution's."""
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"role": "realserver", "interface": "eth0", "vips": 1}')
    bare = tmp_path / "bare"
    shutil.copytree(libraries / "click", bare / "click")
    where = [f"PREFIX={tmp_path}/p", f"LIBRARIES={bare}"]
    made("install-program", f"PYTHON_INSTALLED={environment}", *where)

    assert "found" in run_in(tmp_path / "p", "check", str(wrong)).stderr


def test_no_installed_file_names_the_folder_that_it_was_staged_in(
    tmp_path: Path, libraries: Path
) -> None:
    where = [f"DESTDIR={tmp_path}/staged", "PREFIX=/usr", f"LIBRARIES={libraries}"]
    made("install-program", "install-files", *where)

    files = [path for path in (tmp_path / "staged").rglob("*") if path.is_file()]
    assert len(files) > len(list((ROOT / "lvsdr").rglob("*.py")))
    assert [path for path in files if str(tmp_path).encode() in path.read_bytes()] == []


def test_make_uninstall_takes_away_what_make_install_has_brought(prefix: Path) -> None:
    (prefix / "bin/other").touch()

    told = made("uninstall", f"PREFIX={prefix}")

    assert [path for path in prefix.rglob("*") if path.is_file()] == [prefix / "bin/other"]
    assert told.startswith("What is applied on this host stays as it is")


@pytest.mark.parametrize(("shell", "name"), COMPLETIONS.items())
def test_a_shipped_completion_is_what_the_program_prints(shell: str, name: str) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lvsdr")],
        env={"_LVSDR_COMPLETE": f"{shell}_source", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )

    assert (ROOT / "packaging/completions" / name).read_text() == done.stdout


def test_a_source_release_is_the_whole_tree() -> None:
    lines = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines()
    words = [line.split() for line in lines if line.startswith(("graft ", "include "))]
    taken = {word for _, *rest in words for word in rest}
    # As setuptools takes them by itself.
    taken |= {"lvsdr", "pyproject.toml", "MANIFEST.in"}

    shown = subprocess.run(
        ["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False
    ).stdout
    there = {line.partition("/")[0] for line in shown.splitlines()}
    # A source release that is tested holds what it is made of.
    assert there <= taken
    assert taken - {".gitignore"} <= {path.name for path in ROOT.iterdir()}


def test_one_version_stands_everywhere() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    changelog = (ROOT / "debian/changelog").read_text(encoding="utf-8")

    assert document["project"]["version"] == __version__
    assert changelog.startswith(f"lvsdr ({__version__}) ")
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["vendored", "complete"])
def test_each_library_of_a_package_is_locked_within_the_bounds_of_the_project(name: str) -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    bounds = [Requirement(each) for each in document["project"]["dependencies"]]

    text = (ROOT / f"packaging/locked/{name}.txt").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", text.strip())[1:]
    locked = {block.partition("==")[0]: block.split()[0].partition("==")[2] for block in blocks}

    assert [block for block in blocks if "--hash=sha256:" not in block] == []
    held = [each for each in bounds if each.name in locked]
    assert {each.name for each in held} == {"click", "pyroute2", "jsonschema"} & locked.keys()
    assert [each for each in held if locked[each.name] not in each.specifier] == []


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


def exposure(instances: list[str]) -> dict[str, str]:
    """Return what systemd says of each unit that is more exposed than it may be."""
    beyond = {}
    for (name, most), path in zip(MOST_EXPOSED.items(), instances, strict=True):
        done = analyzed("security", "--offline=yes", "--no-pager", f"--threshold={most}", path)
        assert "Overall exposure level" in done.stdout, done.stderr
        if done.returncode:
            beyond[name] = done.stdout
    return beyond


def test_what_a_unit_is_exposed_to_is_bounded(instances: list[str]) -> None:
    assert exposure(instances) == {}


@pytest.mark.parametrize("setting", ["SystemCallFilter", "RestrictAddressFamilies"])
def test_without_a_filter_a_unit_is_exposed_beyond_that(instances: list[str], setting: str) -> None:
    for each in map(Path, instances):
        each.write_text(re.sub(f"(?m)^{setting}=.*\n", "", each.read_text()))

    assert exposure(instances).keys() == MOST_EXPOSED.keys()
