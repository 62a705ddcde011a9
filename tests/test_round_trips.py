"""What was imported and is exported again means the same: imported once more, it is one profile."""

from __future__ import annotations

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from directed_files import FILES as DIRECTED
from exported_tables import MORE, UNIFORM, VARIED
from hypothesis import given
from restored_files import FILES, File

from fuzz.profiles import directors, times
from lvsdr.cli.main import run
from lvsdr.cli.session import Session
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read

CONFS = sorted((Path(__file__).parent / "keepalived_confs").glob("*.conf"))
RESTORED = [each for each in FILES if each.same and not each.rules]
SERVED = [each for each in DIRECTED if each.same and not each.rules]
PROFILES = {"varied": VARIED, "more": MORE, "uniform": UNIFORM}


def ran(*words: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(words, Session())
    return code, out.getvalue(), err.getvalue()


def imported(folder: Path, tool: str, path: Path) -> tuple[Path, DirectorProfile]:
    """Return the director's profile that a file means: its file, and what is read of that.

    Its name is not in the other tool's file, and the order of its VIPs means nothing.
    """
    links = ("--interface", "eth0", "--rs-interface", "eth0")
    code, out, err = ran("import", tool, "--role", "director", *links, str(path))
    assert code in (0, 1), err
    data = folder / f"{path.stem}.imported.json"
    data.write_text(out)
    profile = read(data, "director")
    assert isinstance(profile, DirectorProfile)
    vips = sorted(profile.labelled_vips, key=lambda each: str(each.address))
    return data, replace(profile, name="web", labelled_vips=tuple(vips))


def exported(folder: Path, tool: str, profile: Path) -> Path:
    """Return the file that is exported of a profile."""
    file = folder / f"again.{tool}"
    code, out, err = ran("export", tool, str(profile))
    assert code in (0, 1), err
    file.write_text(out)
    return file


def comes_back(folder: Path, tool: str, file: Path) -> bool:
    """Return whether a file means what the export of its import means."""
    data, profile = imported(folder, tool, file)
    _, again = imported(folder, tool, exported(folder, tool, data))
    assert again == profile
    return len(profile.virtual_servers) > 0


@pytest.mark.parametrize("path", CONFS, ids=[each.stem for each in CONFS])
def test_keepalived_conf_comes_back(tmp_path: Path, path: Path) -> None:
    assert comes_back(tmp_path, "keepalived", path)


@pytest.mark.parametrize("file", RESTORED, ids=[each.name for each in RESTORED])
def test_a_file_of_ipvsadm_comes_back(tmp_path: Path, file: File) -> None:
    path = tmp_path / "rules"
    path.write_text(file.text)

    assert comes_back(tmp_path, "ipvsadm", path) is ("-A" in file.text or "add" in file.text)


@pytest.mark.parametrize("file", SERVED, ids=[each.name for each in SERVED])
def test_a_file_of_ldirectord_comes_back(tmp_path: Path, file: File) -> None:
    path = tmp_path / "ldirectord.cf"
    path.write_text(file.text)

    assert comes_back(tmp_path, "ldirectord", path)


@pytest.mark.parametrize("tool", ["keepalived", "ldirectord", "ipvsadm"])
@pytest.mark.parametrize("name", PROFILES)
def test_an_export_of_each_field_comes_back(tmp_path: Path, tool: str, name: str) -> None:
    data = tmp_path / "web.json"
    data.write_text(json.dumps(PROFILES[name]))

    assert comes_back(tmp_path, tool, exported(tmp_path, tool, data))


def tables(profile: DirectorProfile) -> tuple[object, ...]:
    """Return what of a profile these files are for: services and who serves them, at which weight.

    The local forwarding of a real server, and what has no order, is no difference.
    """
    return (
        sorted(profile.virtual_servers, key=str),
        sorted(profile.real_servers, key=str),
    )


@pytest.mark.parametrize("tool", ["keepalived", "ldirectord", "ipvsadm"])
@times(25, 1_000)
@given(directors())
def test_of_any_profile_comes_back_what_is_not_said_to_be_lost(
    tmp_path_factory: pytest.TempPathFactory, tool: str, document: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    data = folder / "web.json"
    data.write_text(json.dumps(document))
    profile = read(data, "director")
    assert isinstance(profile, DirectorProfile)

    code, out, told = ran("export", tool, str(data))
    if code not in (0, 1):
        assert told.startswith("lvsdr: ")
        assert "hint: " in told
        return
    file = folder / f"once.{tool}"
    file.write_text(out)
    if ran("import", tool, str(file))[0] not in (0, 1):
        # Nothing is in it that could be said.
        assert "LOST" in told or not profile.virtual_servers
        return
    back, once = imported(folder, tool, file)
    _, twice = imported(folder, tool, exported(folder, tool, back))

    assert twice == once
    assert tables(once) == tables(profile) or "LOST" in told
