"""`lvsdr import`: what is printed, what is written, and what becomes of what cannot be read."""

from __future__ import annotations

import json
import os
from ipaddress import ip_interface
from pathlib import Path

import pytest

from fake import FakeSession, host
from importing import Document, Importer
from lvsdr.cli.main import run
from lvsdr.model.objects import Address
from lvsdr.model.profile import DirectorProfile, RealServerProfile
from lvsdr.profile.reader import read
from lvsdr.render.profile_text import profile_lines

CONF = """vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.5
    }
}
virtual_server 192.0.2.5 80 {
    protocol TCP
    lvs_method DR
    real_server 192.0.2.11 80 {
    }
}
"""
LOST = CONF.replace("real_server 192.0.2.11 80 {", "real_server 192.0.2.5 80 {")


@pytest.fixture
def importer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Importer:
    return Importer(tmp_path, capsys)


def test_profiles_are_printed_and_findings_are_said(importer: Importer) -> None:
    code, printed, said = importer.run("keepalived", importer.file(CONF))

    assert code == 0
    first, second = printed.split("# realserver.json\n")
    assert first.startswith("# director.json\n")
    assert json.loads(first.partition("\n")[2])["role"] == "director"
    assert json.loads(second) == {"role": "realserver", "interface": "eth0", "vips": ["192.0.2.5"]}
    assert said.startswith("warning: KEEPALIVED-NO-CHECK: ")
    assert "warning: IMPORT-LOST: " in said
    assert "keepalived.conf:1: vrrp_instance VI_1: " in said


def test_of_one_role_the_profile_alone_is_printed(importer: Importer, tmp_path: Path) -> None:
    kinds = {"director": DirectorProfile, "realserver": RealServerProfile}
    for role, kind in kinds.items():
        code, printed, _ = importer.run("keepalived", "--role", role, importer.file(CONF))
        path = tmp_path / f"{role}.json"
        path.write_text(printed)

        assert code == 0
        assert isinstance(read(path, role), kind)


def test_one_profile_is_not_printed_where_there_are_several(importer: Importer) -> None:
    other = CONF.replace("192.0.2.5", "192.0.2.6").replace("192.0.2.11", "192.0.2.12")

    file = importer.file(CONF + other)
    code, printed, said = importer.run("keepalived", "--role", "realserver", file)

    assert (code, printed) == (2, "")
    assert "realserver-1.json, realserver-2.json" in said
    assert "hint: write all of them with --out DIR" in said


def test_a_role_of_which_there_is_no_profile_is_said(importer: Importer) -> None:
    file = importer.file(CONF.replace("lvs_method DR", "lvs_method NAT"))

    code, printed, said = importer.run("keepalived", "--role", "realserver", file)

    assert (code, printed) == (2, "")
    assert "no profile of a realserver comes of it" in said


def test_what_clients_would_see_exits_1(importer: Importer) -> None:
    code, printed, said = importer.run("keepalived", importer.file(LOST))

    assert code == 1
    assert json.loads(printed)["role"] == "director"
    assert "error: IMPORT-LOST: " in said
    assert "keepalived.conf:11: 192.0.2.5 is this host or a VIP" in said


def test_files_are_written_into_a_folder_that_is_made(importer: Importer, tmp_path: Path) -> None:
    folder = tmp_path / "etc" / "lvsdr"

    code, printed, _ = importer.run("keepalived", "--out", folder, importer.file(CONF))

    assert code == 0
    names = ["director.json", "realserver.json"]
    assert printed.splitlines() == [f"written: {folder / name}" for name in names]
    assert sorted(each.name for each in folder.iterdir()) == names
    assert {(folder / name).stat().st_mode & 0o777 for name in names} <= {0o640, 0o600}
    assert read(folder / "director.json").role == "director"


@pytest.mark.parametrize("there", ["file", "link"])
def test_nothing_is_written_where_a_file_is_there(
    importer: Importer, tmp_path: Path, there: str
) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    if there == "file":
        (folder / "realserver.json").write_text("mine")
    else:
        (folder / "realserver.json").symlink_to("nowhere")

    code, printed, said = importer.run("keepalived", "--out", folder, importer.file(CONF))

    assert (code, printed) == (2, "")
    assert f"cannot write {folder}/realserver.json: it is there already (EEXIST)" in said
    assert [each.name for each in folder.iterdir()] == ["realserver.json"]


def test_a_folder_that_was_made_goes_where_nothing_can_be_written(
    importer: Importer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    code, _, said = importer.run(
        "keepalived", "--out", tmp_path / "file" / "new", importer.file(CONF)
    )

    assert code in (2, 6)
    assert "cannot write" in said or "is a file" in said
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "keepalived.conf"]


def test_json_has_profiles_and_findings(importer: Importer) -> None:
    told = importer.told(CONF)

    assert told.said["format"] == "lvsdr/import/1"
    assert told.said["ok"] is True
    assert [(each["file"], each["role"]) for each in told.said["profiles"]] == [
        ("director.json", "director"),
        ("realserver.json", "realserver"),
    ]
    assert told.said["written"] == []
    rules = {each["rule"] for each in told.said["findings"]}
    assert rules == {"IMPORT-LOST", "KEEPALIVED-NO-CHECK"}


@pytest.mark.parametrize("what", ["nothing", "folder", "pipe", "large"])
def test_a_file_that_cannot_be_read_is_one_clear_error(importer: Importer, what: str) -> None:
    path = importer.folder / "keepalived.conf"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "large":
        with path.open("wb") as file:
            file.truncate((16 << 20) + 1)

    code, printed, said = importer.run("keepalived", path)

    assert (code, printed) == (2, "")
    assert said.startswith(f"lvsdr: cannot read {path}: ")
    assert "\n  hint: " in said
    assert len(said.splitlines()) == 2


def test_a_file_without_anything_to_import_is_an_error(importer: Importer) -> None:
    code, printed, said = importer.run("keepalived", importer.file("global_defs {\n}\n"))

    assert (code, printed) == (2, "")
    assert "it has no virtual_server, and no virtual_ipaddress" in said


def test_a_profile_reads_back_as_it_was_and_fits_a_page() -> None:
    servers = [{"rip": f"2001:db8::{place:x}", "weight": place} for place in range(30)]
    document: Document = {
        "role": "director",
        "vips": [],
        "health": {},
        "deep": [{"servers": servers}],
    }
    document |= {"rips": [f"192.0.2.{place}" for place in range(40)], "é": "ü", "none": None}

    lines = list(profile_lines(document))

    assert json.loads("\n".join(lines)) == document
    assert max(map(len, lines)) <= 98


@pytest.mark.parametrize("tool", ["ldirectord", "ipvsadm"])
def test_a_vip_that_this_host_holds_keeps_its_label(
    importer: Importer, tmp_path: Path, capsys: pytest.CaptureFixture[str], tool: str
) -> None:
    """With another one, apply would take it away, and put it on the link again."""
    text = {"ldirectord": "virtual=192.0.2.5:80\n", "ipvsadm": "-A -t 192.0.2.5:80\n"}[tool]
    held = Address("eth0", ip_interface("192.0.2.5/32"), label="eth0")
    words = ("import", tool, "--interface", "eth0", "--format", "json", str(importer.file(text)))

    code = run(words, FakeSession(host(held), tmp_path / "run"))

    (vip,) = json.loads(capsys.readouterr().out)["profiles"][0]["profile"]["vips"]
    assert (code, vip) == (0, {"address": "192.0.2.5", "label": "eth0"})
    assert importer.told(text, "--interface", "eth0", source=tool).director["vips"] == [
        {"address": "192.0.2.5"}
    ]
