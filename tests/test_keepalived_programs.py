"""What `lvsdr keepalived check` learns of keepalived: its version, and that it may not start.

The programs here say what keepalived 2.2.7, 2.3.3 and 2.3.4 were seen to say.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fake import FakeSession, host
from judging import GOOD
from lvsdr.cli.main import run
from lvsdr.formats.keepalived.script_security import fault_as_written, script_fault
from lvsdr.formats.keepalived.syntax_check import installed_version

Told = list[tuple[str, str, str]]
OLD, NEW = "Keepalived v2.2.7 (01/16,2022)", "Keepalived v2.3.3 (03/30,2025)"


def program(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a keepalived first on PATH that does what a shell's `text` says."""
    folder.mkdir()
    (folder / "keepalived").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "keepalived").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def saying(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program(folder, f"[ $1 != -v ] || echo '{version}' >&2", monkeypatch)


def checked(capsys: pytest.CaptureFixture[str], folder: Path, text: str) -> tuple[int, Told]:
    file = folder / "keepalived.conf"
    file.write_text(text)
    words = ("keepalived", "check", "--format", "json", str(file))
    code = run(words, FakeSession(host(), folder / "run"))
    found = json.loads(capsys.readouterr().out)["findings"]
    return code, [(each["rule"], each["severity"], each["message"]) for each in found]


def hook(folder: Path) -> Path:
    """Return a hook of root's behind a link that is root's as well."""
    (folder / "lvsdr-0.2").mkdir(parents=True)
    (folder / "lvsdr").symlink_to("lvsdr-0.2")
    file = folder / "lvsdr-0.2" / "lvsdr"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return folder / "lvsdr" / "lvsdr"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder that nobody but root may write, nor those above it."""
    if os.geteuid() != 0 or script_fault(Path("/usr/bin/true")):
        pytest.skip("what is root's can be made by root alone")
    if (tmp_path.stat().st_mode | tmp_path.parent.stat().st_mode) & 0o022:
        pytest.skip("others may write the folder of the tests")
    return tmp_path


SEVERITIES = {OLD: "warning", NEW: "error"}


@pytest.mark.parametrize("version", SEVERITIES)
@pytest.mark.parametrize("secure", [True, False])
def test_a_hook_behind_a_link_is_never_run_from_a_version_on(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    version: str,
    secure: bool,
) -> None:
    """2.3.3 and 2.3.4 say "Wrong file type found in script path" in their log, and -t nothing."""
    file = hook(place / "opt")
    saying(place / "bin", version, monkeypatch)
    text = GOOD.replace("/bin/true", str(file))
    if not secure:
        text = text.replace("    enable_script_security\n", "")

    code, found = checked(capsys, place, text)

    told = [each for each in found if each[0] == "KEEPALIVED-SCRIPT-PATH"]
    assert told == [
        (
            "KEEPALIVED-SCRIPT-PATH",
            SEVERITIES[version],
            f"{place}/keepalived.conf:{10 if secure else 9}: keepalived 2.3 and later will not run"
            f" {file}: the folder {place}/opt/lvsdr in it is a link",
        )
    ]
    assert code == (version == NEW)
    resolved = file.parent.resolve() / file.name
    assert checked(capsys, place, text.replace(str(file), str(resolved)))[0] == 0


def test_the_last_part_may_be_a_link_of_roots(place: Path) -> None:
    file = hook(place / "opt").resolve()
    link = place / "hook"
    link.symlink_to(file)

    assert fault_as_written(link) is None
    os.lchown(link, 65534, 65534)
    fault = fault_as_written(link)

    assert fault is not None
    assert (fault.reason, fault.runs) == (f"the link {link} is not root's", True)


def test_a_link_in_a_folder_that_others_may_write_is_looked_at(place: Path) -> None:
    """As 2.2.7 does not: it looks at what the link leads to."""
    file = hook(place / "opt").resolve()
    open_to_all = place / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (open_to_all / "hook").symlink_to(file)

    fault = fault_as_written(open_to_all / "hook")

    assert script_fault(open_to_all / "hook") is None
    assert fault is not None
    assert (fault.reason, fault.runs) == (f"others may write {open_to_all}", True)
    open_to_all.chmod(0o1777)
    assert fault_as_written(open_to_all / "hook") is None


def test_dots_are_taken_away_before_anybody_looks(place: Path) -> None:
    file = hook(place / "opt")
    (place / "elsewhere").mkdir()
    (place / "opt" / "far").symlink_to(place / "elsewhere")

    assert fault_as_written(file.parent.parent / "lvsdr" / ".." / "lvsdr-0.2" / "lvsdr") is None
    gone = fault_as_written(place / "opt" / "far" / ".." / "opt" / "lvsdr-0.2" / "lvsdr")

    assert gone is not None
    assert (gone.reason, gone.runs) == (f"there is no {place}/opt/opt", False)


@pytest.mark.parametrize("told", ["", "what", "Keepalived v2"])
def test_a_version_that_is_not_told_is_the_newest(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], told: str
) -> None:
    file = hook(place / "opt")
    saying(place / "bin", told, monkeypatch)

    _, found = checked(capsys, place, GOOD.replace("/bin/true", str(file)))

    assert installed_version() is None
    assert [each[:2] for each in found] == [("KEEPALIVED-SCRIPT-PATH", "error")]


def test_a_keepalived_that_lacks_its_options_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Debian's 2.3.3 and 2.3.4 do not start without it, whatever they are started for."""
    program(
        tmp_path / "bin", "echo 'Unable to read build config options file' >&2; exit 1", monkeypatch
    )

    code, found = checked(capsys, tmp_path, GOOD.replace("/bin/true", "/usr/bin/true"))

    assert code == 1
    assert found == [
        (
            "KEEPALIVED-SYNTAX",
            "error",
            f"{tmp_path}/keepalived.conf: keepalived -t cannot be asked: without its file"
            " /etc/keepalived/keepalived.config-opts keepalived of this version does not start at"
            " all",
        )
    ]


def test_a_keepalived_that_is_no_program_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path / "bin", "", monkeypatch)
    (tmp_path / "bin" / "keepalived").write_bytes(b"\x7fELF and nothing more")

    code, found = checked(capsys, tmp_path, GOOD.replace("/bin/true", "/usr/bin/true"))

    assert (code, [each[0] for each in found]) == (1, ["KEEPALIVED-SYNTAX"])
    assert "does not start: exec format error" in found[0][2]
