"""keepalived.conf: written for a profile, and judged."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake import FakeSession, host
from judging import DIRECTOR, GOOD, SERVED, changed, judged, profile, rules
from lvsdr.cli.main import run
from lvsdr.formats.keepalived.conf_syntax import Block, lines_of, parsed
from lvsdr.formats.keepalived.reading import read_by_all
from lvsdr.formats.keepalived.script_security import script_fault


def printed(
    capsys: pytest.CaptureFixture[str], folder: Path, *words: str, profile: Path = DIRECTOR
) -> str:
    session = FakeSession(host(), folder / "run")
    arguments = ("keepalived", "config", "--allow-insecure-profile", "--director", str(profile))
    assert run((*arguments, *words), session) == 0
    return capsys.readouterr().out


def multicasts(link: Path) -> bool:
    """Return whether a link in /sys/class/net can do multicast (IFF_MULTICAST)."""
    return bool(int((link / "flags").read_text(), 16) & 0x1000)


def needs_keepalived() -> None:
    if shutil.which("keepalived", path="/usr/sbin") is None:
        assert "LVSDR_REQUIRE_ALL" not in os.environ, "keepalived is not installed"
        pytest.skip("keepalived is not installed: apt-get install keepalived")


# Written.


@pytest.mark.parametrize(
    "words", [(), ("--virtual-servers",), ("--fifo", "/run/lvsdr/fifo", "--advertise", "0.1")]
)
@pytest.mark.parametrize("owner", ["lvsdr", "keepalived"])
def test_what_is_printed_satisfies_keepalived_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], owner: str
) -> None:
    needs_keepalived()
    # keepalived -t asks for the link, and does not take lo.
    link = next(path.name for path in Path("/sys/class/net").iterdir() if multicasts(path))
    vips = [{"address": "192.168.1.2"}]
    table = "keepalived" if words == ("--virtual-servers",) else "lvsdr"
    profile = changed(tmp_path, vips_owner=owner, interface=link, vips=vips, table_owner=table)
    file = tmp_path / "keepalived.conf"
    file.write_text(printed(capsys, tmp_path, *words, profile=profile))
    session = FakeSession(host(), tmp_path / "run")

    run(("keepalived", "check", "--format", "json", str(file)), session)

    found = json.loads(capsys.readouterr().out)["findings"]
    assert [each for each in found if each["rule"] == "KEEPALIVED-SYNTAX"] == []


def test_what_keepalived_itself_has_against_a_file_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs_keepalived()
    file = tmp_path / "keepalived.conf"
    file.write_text("vrrp_instance VI_1 {\n    interface lo\n}\n")

    code = run(("keepalived", "check", str(file)), FakeSession(host(), tmp_path / "run"))

    said = capsys.readouterr().out
    assert code == 1
    assert "error: KEEPALIVED-SYNTAX" in said
    assert "cannot use a loopback interface" in said


def test_only_vips_of_keepalived_are_in_virtual_ipaddress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = printed(capsys, tmp_path)
    theirs = printed(capsys, tmp_path, profile=changed(tmp_path, vips_owner="keepalived"))

    assert "192.168.1.2/32" not in ours
    assert "192.168.1.2/32 dev eth0" in theirs


def test_an_instance_speaks_over_ipv6_where_no_vip_is_ipv4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an IPv4 address on the link, an instance of that family never leaves FAULT."""
    six = [{"address": "fd00::2"}]
    servers = [{"vip": "fd00::2", "protocol": "tcp", "port": 80, "real_servers": []}]
    profile = changed(tmp_path, vips=six, virtual_servers=servers)

    instance = parsed(lines_of(printed(capsys, tmp_path, profile=profile))).first("vrrp_instance")

    assert instance is not None
    assert [each.words[0] for each in next(instance.all("virtual_ipaddress")).inner] == [
        "fe80::33/128"
    ]


def test_keepalived_need_not_ask_what_its_host_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without router_id it asks the DNS at each start, and waits five seconds for nobody."""
    defs = parsed(lines_of(printed(capsys, tmp_path))).first("global_defs")

    assert defs is not None
    assert [each.value for each in defs.all("router_id")] == [os.uname().nodename]


def test_vips_of_the_other_family_are_excluded_from_adverts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vips = [{"address": "192.168.1.2"}, {"address": "fd00::2"}]
    text = printed(capsys, tmp_path, profile=changed(tmp_path, vips_owner="keepalived", vips=vips))

    instance = parsed(lines_of(text)).first("vrrp_instance")
    assert instance is not None
    listed = {part.name: [each.name for each in part.inner] for part in instance.inner}
    assert listed["virtual_ipaddress"] == ["192.168.1.2/32"]
    assert listed["virtual_ipaddress_excluded"] == ["fd00::2/128"]


def test_what_keepalived_has_no_words_for_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(DIRECTOR.read_text())
    document["virtual_servers"][0] |= {"scheduler": "vip9000"}
    profile = changed(tmp_path, table_owner="keepalived", **document)
    words = ("config", "--allow-insecure-profile", "--virtual-servers", "--director")

    code = run(("keepalived", *words, str(profile)), FakeSession(host(), tmp_path / "run"))

    assert code == 2


@pytest.mark.parametrize(
    "name", ["VI 1", "#x", '"', "x } virtual_server 1.1.1.1 80 {", "", "é", "$A", "a" * 256]
)
def test_a_name_that_keepalived_would_cut_up_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    words = ("keepalived", "config", "--allow-insecure-profile", "--director", str(DIRECTOR))

    code = run((*words, "--name", name), FakeSession(host(), tmp_path / "run"))

    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert "hint: leave out --name" in said.err


@pytest.mark.parametrize("odd", ["my dir", "it's", "a#b", "a!b", 'a"b', "a$b", "a{b"])
def test_a_path_that_keepalived_would_cut_up_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], odd: str
) -> None:
    folder = tmp_path / odd
    folder.mkdir()
    session = FakeSession(host(), tmp_path / "run")
    words = ("keepalived", "config", "--allow-insecure-profile", "--director")

    in_hook = run((*words, str(changed(folder))), session)
    as_fifo = run((*words, str(DIRECTOR), "--fifo", str(folder / "fifo")), session)

    said = capsys.readouterr()
    assert (in_hook, as_fifo) == (2, 2)
    assert said.out == ""
    assert said.err.count("hint: give it another name") == 2


def test_the_path_of_a_fifo_is_absolute(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    text = printed(capsys, tmp_path, "--fifo", "folder/fifo")

    assert f"vrrp_notify_fifo {tmp_path}/folder/fifo\n" in text


# Judged.


def test_a_good_file_has_no_findings() -> None:
    assert rules(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("    enable_script_security\n", "", "KEEPALIVED-SCRIPT-SECURITY"),
        ("/bin/true", "/no/such/file", "KEEPALIVED-SCRIPT-PATH"),
        ("/bin/true", "true", "KEEPALIVED-SCRIPT-PATH"),
        ("vrrp_instance", f"virtual_server 192.168.1.2 80 {{\n{SERVED}}}\nvrrp_instance",
         "KEEPALIVED-VIRTUAL-SERVER"),
        ("vrrp_version 3", "vrrp_version 3\nlvs_flush", "KEEPALIVED-LVS-FLUSH"),
        ('notify "', 'notify_master "', "KEEPALIVED-NO-STOP"),
        ("interface eth0", "interface eth0\nuse_vmac", "KEEPALIVED-USE-VMAC"),
        ("    vrrp_version 3\n", "", "KEEPALIVED-VERSION"),
        ("vrrp_instance", "vrrp_instance A {\ninterface eth0\nvirtual_router_id 51\n}\n"
         "vrrp_instance", "KEEPALIVED-ROUTER-ID"),
    ],
)  # fmt: skip
def test_a_fault_is_found(old: str, new: str, rule: str) -> None:
    assert old in GOOD

    assert rules(GOOD.replace(old, new, 1)) == [rule]


def test_two_directors_with_different_routers_are_found() -> None:
    assert rules(GOOD, GOOD.replace("51", "52")) == ["KEEPALIVED-ROUTER-ID"]


@pytest.mark.parametrize(
    ("owner", "listed", "rule"),
    [
        ("lvsdr", "192.168.1.2/32", ["KEEPALIVED-VIP-TWICE"]),
        ("lvsdr", "192.168.1.3", []),
        ("keepalived", "192.168.1.3", ["KEEPALIVED-VIP-NOBODY"]),
        ("keepalived", "192.168.1.2", []),
        ("keepalived", "192.168.1.2/24 dev eth0", ["KEEPALIVED-VIP-PREFIX"]),
        ("keepalived", "192.168.1.2/32 dev eth1", ["KEEPALIVED-VIP-LINK"]),
    ],
)
def test_a_vip_has_one_owner(tmp_path: Path, owner: str, listed: str, rule: list[str]) -> None:
    text = GOOD.replace("notify", f"virtual_ipaddress {{\n{listed}\n}}\nnotify", 1)

    assert rules(text, director=profile(tmp_path, vips_owner=owner)) == rule


def test_script_security_looks_at_the_whole_path(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    script = folder / "hook"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    before = script_fault(script)
    folder.chmod(0o777)

    after = script_fault(script)

    assert after is not None
    assert before is None or before[0] != after[0]
    assert script_fault(Path("/bin/true")) is None


# Read.


def shape(block: Block) -> object:
    return [(each.words, shape(each)) for each in block.inner]


def test_a_file_is_a_tree_of_words() -> None:
    text = 'a b "c d" ! e\nf {\n  g h # i\n  j\n  {\n k }\n}\nl'

    assert shape(parsed(lines_of(text))) == [
        (["a", "b", "c d"], []),
        (["f"], [(["g", "h"], []), (["j"], [(["k"], [])])]),
        (["l"], []),
    ]


@given(st.text(alphabet="ab \"'{}!#\n/@^$=\\", max_size=200))
def test_no_text_is_too_odd_to_read(text: str) -> None:
    root = parsed(lines_of(text))

    assert root.words == []
    assert judged(text) == []


# With what it includes.


def checked(
    capsys: pytest.CaptureFixture[str], folder: Path, file: Path
) -> list[tuple[str, str, str]]:
    """Return the rule, the severity and the place of each finding of lvsdr's own."""
    session = FakeSession(host(), folder / "run")
    run(("keepalived", "check", "--format", "json", str(file)), session)
    found = json.loads(capsys.readouterr().out)["findings"]
    return [
        (each["rule"], each["severity"], each["message"].split(": ")[0])
        for each in found
        if each["rule"] != "KEEPALIVED-SYNTAX"
    ]


def test_what_is_included_is_judged_where_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Relative to the including file, with wildcards and braces, and in the middle of a block."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    main = tmp_path / "keepalived.conf"
    main.write_text("global_defs {\n  vrrp_version 3\n}\ninclude a/{one,two}*.conf\n")
    (tmp_path / "a" / "one.conf").write_text("vrrp_instance VI {\n  include b/inner\n}\n")
    (tmp_path / "a" / "two-1.conf").write_text(f"virtual_server 192.0.2.1 80 {{\n{SERVED}}}\n")
    (tmp_path / "a" / "b" / "inner").write_text(
        'interface eth0\nvirtual_router_id 51\nnotify "/no/lvsdr"\n'
    )

    found = checked(capsys, tmp_path, main)

    assert found == [
        ("KEEPALIVED-SCRIPT-PATH", "error", f"{tmp_path}/a/b/inner:3"),
        ("KEEPALIVED-VIRTUAL-SERVER", "error", f"{tmp_path}/a/two-1.conf:1"),
        ("KEEPALIVED-SCRIPT-SECURITY", "warning", str(main)),
    ]


def test_what_cannot_be_included_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    main = tmp_path / "keepalived.conf"
    main.write_text("include keepalived.conf\ninclude none/*\ninclude pipe\n@main include x\n")

    found = checked(capsys, tmp_path, main)

    assert found == [
        ("KEEPALIVED-INCLUDE", "error", f"{main}:1"),
        ("KEEPALIVED-INCLUDE", "error", f"{main}:3"),
        ("KEEPALIVED-INCLUDE", "warning", f"{main}:2"),
    ]


@pytest.mark.parametrize(
    "pattern", ["{" * 500 + "}" * 500, "{a,b}" * 60, "{}{,}{a", "a\x00", "a\x00b/*", "a\x00*", "~"]
)
def test_no_pattern_is_too_odd_to_include(tmp_path: Path, pattern: str) -> None:
    main = tmp_path / "keepalived.conf"
    main.write_text(f"include {pattern}\n")

    read = read_by_all(main)

    assert {each.rule for each in read.findings} == {"KEEPALIVED-INCLUDE"}
