"""keepalived.conf read as keepalived reads it: comments, names in includes, files without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from judging import GOOD, judged
from lvsdr.cli.main import run
from lvsdr.cli.session import Session
from lvsdr.formats.keepalived.conf_syntax import lines_of, parsed, words_of
from lvsdr.formats.keepalived.host_lines import own_name
from lvsdr.formats.keepalived.includes import LARGEST, MOST_BYTES
from lvsdr.formats.keepalived.reading import read_by_all


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("virtual_router_id 51#old", ["virtual_router_id", "51"]),
        ("interface eth0!uplink", ["interface", "eth0"]),
        ("# all of it", []),
        ('notify "/bin/a # b" c', ["notify", "/bin/a # b", "c"]),
        ('notify "/bin/a"#b', ["notify", "/bin/a"]),
        # As keepalived 2.2.7: single quotes do not keep a comment from beginning.
        ("interface 'eth0 # b'", ["interface", "'eth0"]),
        ("notify '/bin/a b' c # d", ["notify", "/bin/a b", "c"]),
        # Nothing comes of a quote that does not end.
        ('unquote to "the end # of it', ["unquote", "to"]),
        ("notify '/bin/a # b", ["notify"]),
        ("vrrp_instance Bob's", ["vrrp_instance", "Bob's"]),
        ('notify "/bin/a \\#b" # c', ["notify", "/bin/a \\#b"]),
        # Read twice, it is a comment after all; keepalived 2.2.7, 2.3.3 and 2.3.4 do the same.
        ("auth_pass a\\#b", ["auth_pass", "a"]),
        ("interface\xa0eth0", ["interface\xa0eth0"]),
    ],
)
def test_a_comment_begins_within_a_word(line: str, words: list[str]) -> None:
    (read,) = lines_of(line)

    assert words_of(read.text) == words


def test_a_comment_behind_a_number_or_a_link_is_no_fault() -> None:
    commented = GOOD.replace("virtual_router_id 51", "virtual_router_id 51#old")
    commented = commented.replace("interface eth0", "interface eth0!uplink")
    assert commented.count("#old") == commented.count("!uplink") == 1

    assert judged(commented) == judged(GOOD)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("include ${_PWD}/x.inc\n", ["VI_1"]),
        ("$D=/nowhere\n$D=FOLDER\ninclude ${D}/x.inc\n", ["VI_1"]),
        ("$F=FOLDER/x.inc # the one\ninclude $F\n", ["VI_1"]),
        # As keepalived 2.2.7: without braces it is a name only where the word ends.
        ("include $_PWD/x.inc\n", []),
        ("$D=FOLDER\ninclude $D/x.inc\n", []),
        ("$I=include x.inc\n$I\n", ["VI_1"]),
        ("@^other include x.inc\n", ["VI_1"]),
        ("~LST(N, w, x, y) include ${N}.in[c]\n", ["VI_1"]),
        ("global_defs { include x.inc\n}\n", ["VI_1"]),
        # It is the name up to the end of the line, quotes and all.
        ('include "x.inc"\n', []),
        ("include ${_ENV FOLDER}/x.inc\n", []),
    ],
)
def test_names_are_filled_in_where_a_file_is_included(
    tmp_path: Path, text: str, found: list[str]
) -> None:
    main = tmp_path / "keepalived.conf"
    main.write_text(text.replace("FOLDER", str(tmp_path)))
    (tmp_path / "x.inc").write_text("vrrp_instance VI_1 {\n}\n")

    read = read_by_all(main)

    conf = read.confs[-1]
    found_in = [*conf.root.inner, *(it for each in conf.root.inner for it in each.inner)]
    assert [each.value for each in found_in if each.name == "vrrp_instance"] == found
    assert bool(read.findings) is (not found or "~LST" in text)


def test_the_folder_of_a_file_is_where_it_is_from_wherever_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As keepalived, which goes there; and a link to it is no folder of its own to it."""
    folder = tmp_path / "real"
    folder.mkdir()
    (tmp_path / "link").symlink_to("real")
    (folder / "main.conf").write_text("include ${_PWD}/sub.inc\n")
    (folder / "sub.inc").write_text('vrrp_instance VI_1 {\n  notify "${_PWD}/hook lvsdr"\n}\n')
    monkeypatch.chdir(tmp_path)

    for place in ("link/main.conf", "./real/main.conf", f"{tmp_path}/link/../link/main.conf"):
        read = read_by_all(Path(place))

        assert read.findings == []
        assert [it.words for it in read.confs[0].hooks()] == [["notify", f"{folder}/hook lvsdr"]]


def test_each_host_reads_the_files_that_are_its_own(tmp_path: Path) -> None:
    main = tmp_path / "main.conf"
    main.write_text("@one include one\n@two include two\ninclude ${_INSTANCE}.more\n")
    (tmp_path / "one").write_text("vrrp_instance A {\n}\n@two vrrp_instance B {\n@two }\n")
    (tmp_path / "two").write_text("vrrp_instance C {\n}\n@three vrrp_instance D {\n@three }\n")
    (tmp_path / "one.more").write_text("vrrp_instance E {\n}\n")

    read = read_by_all(main)

    assert {each.host: [it.name for it in each.routers()] for each in read.confs} == {
        "one": ["A", "E"],
        "two": ["C"],
        "three": [],
    }
    assert read.findings == []


def test_a_file_may_be_called_as_the_host_that_reads_it(tmp_path: Path) -> None:
    main = tmp_path / "main.conf"
    main.write_text("include ${_INSTANCE}.inc\n")
    (tmp_path / f"{own_name()}.inc").write_text("vrrp_instance A {\n}\n")

    read = read_by_all(main)
    (tmp_path / f"{own_name()}.inc").unlink()
    without = read_by_all(main)

    assert [(each.host, len([*each.routers()])) for each in read.confs] == [
        (own_name(), 1),
        ("", 0),
    ]
    assert read.findings == []
    assert [each.rule for each in without.findings] == ["KEEPALIVED-INCLUDE"]


def test_a_file_that_can_be_executed_is_none_to_keepalived(tmp_path: Path) -> None:
    main = tmp_path / "main.conf"
    main.write_text("include x.inc\n")
    (tmp_path / "x.inc").write_text("vrrp_instance VI_1 {\n}\n")
    (tmp_path / "x.inc").chmod(0o755)

    read = read_by_all(main)

    assert list(read.confs[0].routers()) == []
    assert [each.message for each in read.findings] == [
        f"{main}:1: keepalived leaves {tmp_path}/x.inc out, for it can be executed"
    ]
    assert read.unread == []


def test_what_a_variable_of_keepalived_says_is_unknown() -> None:
    """From 2.4 on; it is one word, whatever it is, and no clash with another one."""
    unknown = GOOD.replace("eth0", "${_ENV IF}").replace("51", "${_ENV ID}")
    again = unknown.replace("VI_1", "VI_2").partition("vrrp_instance")

    assert judged(unknown + again[1] + again[2]) == []


def test_a_line_does_not_grow_beyond_what_anybody_writes(tmp_path: Path) -> None:
    main = tmp_path / "keepalived.conf"
    main.write_text("$A=" + "a" * 1000 + "\ninclude " + "${A}" * 1000 + "\n")

    (told,) = read_by_all(main).findings

    assert len(told.message) < 10_000


def test_the_parts_of_a_block_are_found_by_name_in_their_order() -> None:
    root = parsed(lines_of("a 1\nb 2\na 3\nc\n"))

    assert [each.value for each in root.all("a")] == ["1", "3"]
    assert [each.value for each in root.all("a", "b")] == ["1", "2", "3"]
    assert [*root.all("d"), *root.all()] == []


def comment(size: int) -> str:
    """Return one line of so many bytes: a million empty ones take seconds to read."""
    return "#" + "-" * (size - 2) + "\n"


def test_files_that_are_too_large_together_are_told(tmp_path: Path) -> None:
    main = tmp_path / "keepalived.conf"
    number = MOST_BYTES // LARGEST + 1
    main.write_text("include part*\n")
    for each in range(number):
        (tmp_path / f"part{each:02}").write_text(comment(LARGEST - 1))

    read = read_by_all(main)

    assert [each.message.partition("cannot be read: ")[2] for each in read.findings] == [
        f"the files have more than {MOST_BYTES} bytes together"
    ] * len(read.findings)
    assert 1 <= len(read.findings) <= 2


def test_so_are_those_of_many_hosts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(tmp_path / f"host{number}.conf") for number in range(MOST_BYTES // LARGEST + 1)]
    for name in names:
        Path(name).write_text(comment(LARGEST))

    code = run(("keepalived", "check", *names), Session())

    assert code == 2
    assert f"the files have more than {MOST_BYTES} bytes together" in capsys.readouterr().err


def test_of_groups_and_instances_each_hears_of_the_stop_by_the_other() -> None:
    silent = 'vrrp_instance {0} {{\n  notify_master "/bin/true lvsdr"\n{1}}}\n'
    group = "vrrp_sync_group {0} {{\n  group {{\n    {1}\n  }}\n{2}}}\n"
    stop, master = "  notify_stop /bin/true\n", "  notify_master /bin/true\n"
    text = (
        silent.format("A", "")
        + silent.format("B", stop)
        + silent.format("C", "")
        + group.format("GA", "A", stop)
        + group.format("GB", "B", master)
        + group.format("GC", "C", master)
    )

    told = {
        each.message.split(": ")[1] for each in judged(text) if each.rule == "KEEPALIVED-NO-STOP"
    }

    assert told == {"C", "GC"}
